// A server that accepts no new connection: its postmaster hangs and clients wait, although earlier connections may
// still work.
#pragma once

#include <optional>
#include <string>

#include "core/observation.h"

namespace tamada::core {

// Since when no new connection has been answered, once this has lasted too long to be a moment of load. nullopt when
// connections are answered, even if by an error.
std::optional<Instant> silent_since(const Observation& seen);
// The text for the operator; empty when the last connection succeeded.
std::string connection_problem(const Observation& seen);

}  // namespace tamada::core
