// Which replication slots have to exist on this node, and which positions they should have.
// Source of the rules: Patroni's documentation of use_slots, slots, ignore_slots, member_slots_ttl and of the tags
// replicatefrom, nostream and nofailover; its 4.1 keeps member slots on every node that may come to lead.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/observation.h"

namespace tamada::core {

// Lower case; other characters than [a-z0-9_] become _ (for - and .) or u and the code point in
// four or more decimal digits; 63 at most. The same as Patroni's, or two daemons would fight over the names.
std::string slot_name(std::string_view member);

// Whom `member` streams from: its replicatefrom, when that member runs and does not lead back to it; else the leader.
std::string upstream_of(const ClusterView& cluster, std::string_view primary, const Member& member);

// Whether this member and all servers between it and the primary stream. Only then its feedback reaches the primary,
// which a copied logical slot needs.
bool streams_from_primary(const ClusterView& cluster, const std::string& name, const Tags& tags);

// The physical slot on the leader through which our feedback reaches it: ours, or that of the member at the head of our
// cascade.
std::string slot_on_primary(const Observation& seen);

struct WantedSlot {
  bool physical = true;
  std::string database = {}, plugin = {};  // of a logical one
  std::optional<bool> used = {};  // physical: somebody shall stream from it here; nullopt: its member has vanished
  Lsn lsn = 0;                    // where it stands on the node that uses it; 0: unknown
};
using WantedSlots = std::map<std::string, WantedSlot>;

// For a running server. If a member's slot and a permanent slot have the same name, the member's wins.
WantedSlots wanted_slots(const Observation& seen);
bool is_permanent_here(const Settings& settings, const PermanentSlot& slot);
bool is_ignored(const Settings& settings, const SlotView& slot);

// Whether hot_standby_feedback has to be on: this node, or one that streams through it, holds permanent logical slots.
bool needs_feedback(const Observation& seen);

}  // namespace tamada::core
