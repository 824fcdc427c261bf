// A server that lets nobody in: its postmaster hangs, and clients wait, though connections made earlier may still work.
#pragma once

#include <optional>
#include <string>

#include "core/observation.h"

namespace tamada::core {

// Since when no new connection has been answered, once that has lasted too long to be a moment's load; nullopt: they
// are answered, be it by an error.
std::optional<Instant> silent_since(const Observation& seen);
// For the operator; empty: the last connection was made.
std::string connection_problem(const Observation& seen);

}  // namespace tamada::core
