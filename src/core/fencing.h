// Until when this node's PostgreSQL may write though nobody hears from the daemon any more: what the guard process
// and the hardware watchdog are told (docs/architecture.md, "Fencing").
#pragma once

#include <optional>

#include "core/decision.h"
#include "core/observation.h"

namespace tamada::core {

// std::nullopt: nothing needs to end PostgreSQL; it cannot write, or pause leaves it to the operator.
// A primary that does not hold the leader key (any more) keeps the bound that it had.
std::optional<Instant> fenced_until(const Observation& seen, const Decision& decision);

}  // namespace tamada::core
