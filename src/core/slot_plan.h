// What is to be done about the replication slots of this node, and what the leader tells of them.
// Source: as of slots.h.
#pragma once

#include <optional>

#include "core/action.h"
#include "core/memory.h"
#include "core/observation.h"

namespace tamada::core {

// Made and dropped until they are what wanted_slots() says, and moved along with what those have received that use them
// elsewhere. An unknown slot is dropped if it was there when postgres started, unless it is ignored or the cluster is
// paused; one that a client has made since is left alone until the next start.
Actions plan_slots(const Observation& seen, Memory::Slots& memory);

// Of a standby: logical slots to be copied from the primary, where their state file is.
std::vector<SlotSpec> slots_to_copy(const Observation& seen);

// What the leader writes into the key `status`; memory learns which members' slots to keep for member_slots_ttl. A new
// tenure takes over what the leader before kept.
Status status_now(const Observation& seen, Revision tenure, Memory::Slots& memory);

}  // namespace tamada::core
