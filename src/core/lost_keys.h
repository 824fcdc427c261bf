// What to do when all keys of the cluster are gone: somebody deleted them, or etcd was restored empty. Then two facts
// are lost that only the keys told: which primary may go on in failsafe mode without asking this node, and who has the
// commits that were acknowledged by /sync. This node remembers who belonged to the cluster, and keeps a copy of that on
// its disk.
#pragma once

#include <optional>
#include <string>

#include "core/memory.h"
#include "core/observation.h"

namespace tamada::core {

// To be called with each observation: notes, while there is a leader, what is needed if the keys are lost later.
void note_membership(const Observation& seen, Memory::Electorate& electorate);

// Why this node may not be promoted: members that have to answer first, without a limit of time unless an operator's
// failover with force names this node. nullopt: nobody has to. Valid after a poll of the members.
std::optional<std::string> lost_keys_obstacle(const Observation& seen, const Memory& memory);

}  // namespace tamada::core
