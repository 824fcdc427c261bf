// All keys of the cluster are gone: somebody deleted them, or etcd was restored empty. What only they told is not known
// any more: whom /failsafe lets go on as the primary without asking this node, and who has what was acknowledged by
// /sync. This node has its own memory of who belonged to the cluster, and a copy of that on its disk.
#pragma once

#include <optional>
#include <string>

#include "core/memory.h"
#include "core/observation.h"

namespace tamada::core {

// Notes, while there is a leader, what counts when the keys are gone.
void note_membership(const Observation& seen, Memory& memory);

// Whom this node has to hear before it may be promoted, without any limit of time but an operator's word. Nothing:
// nobody. By the last poll.
std::optional<std::string> lost_keys_obstacle(const Observation& seen, const Memory& memory);

}  // namespace tamada::core
