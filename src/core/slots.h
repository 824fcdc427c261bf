// Which replication slots have to exist on this node, and which positions they should have. As in Patroni 4.1, the slot
// of a member is kept on every node that may become the leader. Source: Patroni's documentation of use_slots, slots,
// ignore_slots, member_slots_ttl and of the tags replicatefrom, nostream and nofailover.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/observation.h"

namespace tamada::core {

// PostgreSQL's name for a member's slot: lower case; other characters than [a-z0-9_] become _ (for - and .) or u and
// the code point in four or more decimal digits; 63 characters at most. Patroni makes the same names; otherwise two
// daemons would fight over the slots.
std::string slot_name(std::string_view member);

// The value of synchronized_standby_slots that belongs to a value of synchronous_standby_names: the slots of all named
// standbys, separated by commas. Source: PostgreSQL 17's documentation of that parameter.
std::string synchronized_standby_slots(std::string_view sync_names);

// The member from which `member` streams: the one that its tag replicatefrom names, if that one runs and does not
// itself stream from `member`; otherwise the leader.
std::string upstream_of(const ClusterView& cluster, std::string_view primary, const Member& member);

// Whether this member and all servers between it and the primary stream. A copied logical slot needs this, because only
// then the member's feedback reaches the primary.
bool streams_from_primary(const ClusterView& cluster, const std::string& name, const Tags& tags);

// The physical slot on the leader through which our feedback reaches the leader: our own, or that of the first member
// of our cascade.
std::string slot_on_primary(const Observation& seen);

struct WantedSlot {
  bool physical = true;
  std::string database = {}, plugin = {};  // of a logical slot
  std::optional<bool> used = {};  // physical: whether a member shall stream through it from this node; nullopt when its
                                  // member has vanished
  Lsn lsn = 0;                    // the slot's position on the node that uses it; 0: unknown
};
using WantedSlots = std::map<std::string, WantedSlot>;

// For a running server. If a member's slot and a permanent slot have the same name, the member's wins.
WantedSlots wanted_slots(const Observation& seen);
bool is_permanent_here(const Settings& settings, const PermanentSlot& slot);
bool is_ignored(const Settings& settings, const SlotView& slot);

// Whether hot_standby_feedback has to be on: this node, or one that streams through it, holds permanent logical slots.
bool needs_feedback(const Observation& seen);

}  // namespace tamada::core
