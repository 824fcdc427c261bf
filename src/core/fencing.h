// Until when this node's PostgreSQL may write though nobody hears from the daemon any more: what the guard process
// and the hardware watchdog are told (docs/architecture.md, "Fencing").
#pragma once

#include <optional>

#include "core/decision.h"
#include "core/observation.h"

namespace tamada::core {

// Sets Memory::fenced_until. nullopt: no fence is needed, because PostgreSQL cannot write, or because pause leaves it
// to the operator. A primary that does not hold the leader key (any more) keeps the bound that it had.
void set_fence(const Observation& seen, Decision& decision);

}  // namespace tamada::core
