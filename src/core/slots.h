// Physical slots for members: one per member that streams from this node.
// Source: Patroni's documentation of use_slots, member_slots_ttl and replicatefrom.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/action.h"
#include "core/memory.h"
#include "core/observation.h"

namespace tamada::core {

// Lower case; other characters than [a-z0-9_] become _ (for - and .) or u and the code point in
// four or more decimal digits; 63 at most. The same as Patroni's, or two daemons would fight over the names.
std::string slot_name(std::string_view member);

// Whom `member` streams from: its replicatefrom, when that member runs and does not lead back to it; else the leader.
std::string upstream_of(const ClusterView& cluster, const Member& member);

// Every node keeps a slot for every other member, so that after a failover nobody finds the WAL that it needs gone.
// Where the member does not stream from this node, the slot is moved along with what the member has received.
struct SlotPlan {
  Actions actions;
  Memory memory;  // since when a slot has been unwanted
};
SlotPlan plan_slots(const Observation& seen, const Memory& memory);

}  // namespace tamada::core
