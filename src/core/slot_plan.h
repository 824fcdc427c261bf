// Decides what has to be done with the replication slots of this node, and what the leader publishes about them.
// Source: the same as in slots.h.
#pragma once

#include <optional>

#include "core/action.h"
#include "core/memory.h"
#include "core/observation.h"

namespace tamada::core {

// Creates and drops slots until they are what wanted_slots() says, and advances them to the position that each slot's
// user has received on another node. An unknown slot is dropped if it existed when postgres started, unless it is
// ignored or the cluster is paused. A slot that a client has created since is left alone until the next start.
Actions plan_slots(const Observation& seen, Memory::Slots& memory);

// For a standby: the logical slots that have to be copied from the primary by their state files.
std::vector<SlotSpec> slots_to_copy(const Observation& seen);

// What the leader writes into the key `status`; memory notes which members' slots are kept for member_slots_ttl. A new
// tenure takes over the slots that the previous leader kept.
Status status_now(const Observation& seen, Revision tenure, Memory::Slots& memory);

}  // namespace tamada::core
