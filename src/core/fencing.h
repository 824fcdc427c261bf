// The instant until which this node's PostgreSQL may write without a sign of life from the daemon. The guard process
// and the hardware watchdog get it (docs/architecture.md, "Fencing").
#pragma once

#include <optional>

#include "core/decision.h"
#include "core/observation.h"

namespace tamada::core {

// Sets Memory::Fence. `until` is nullopt when no fence is needed, because PostgreSQL cannot write, or because the
// operator is responsible in pause. A primary that does not hold the leader key, or not any more, keeps the bound that
// it had.
void set_fence(const Observation& seen, Decision& decision);

}  // namespace tamada::core
