#include "core/slot_plan.h"

#include <algorithm>
#include <set>

#include "core/server_features.h"
#include "core/slot_readiness.h"
#include "core/slots.h"

namespace tamada::core {
namespace {

bool fits(const SlotView& slot, const WantedSlot& wanted) {
  return slot.physical == wanted.physical &&
         (slot.physical || (slot.database == wanted.database && slot.plugin == wanted.plugin));
}

// Why an unknown slot, or one that has lost its WAL, has to be dropped; nullopt when it may stay.
std::optional<std::string> superfluous(const Observation& seen, const SlotView& slot, const WantedSlot* wanted,
                                       const Memory::Slots& memory) {
  // PostgreSQL manages its own failover slots. On a former primary the old ones are dropped, because PostgreSQL cannot
  // copy the new primary's slots over them.
  if (slot.failover && !slot.physical) {
    const bool in_the_way = seen.postgres.sql->in_recovery && seen.another_is_presumed_primary();
    return in_the_way ? std::optional<std::string>("with failover=true and synced=false") : std::nullopt;
  }
  // Without the key `status` or an answer of the primary, this node does not know which members have vanished.
  const bool unknown =
      !wanted && (seen.cluster.status || seen.follows_by_consent()) && memory.managed.contains(slot.name);
  if (!unknown && !(wanted && slot.lost)) return std::nullopt;
  if (seen.settings.pause || is_ignored(seen.settings, slot)) return std::nullopt;
  return unknown ? "unknown" : "with wal_status=lost";
}

// Why a wanted slot has to be dropped and created again; nullopt when it is usable.
std::optional<std::string> unusable(const Observation& seen, const SlotView& slot, const WantedSlot& wanted) {
  if (!fits(slot, wanted)) {
    return std::string("because it is ") +
           (slot.physical ? "physical" : "logical (" + slot.database + ", " + slot.plugin + ")") + " and shall be " +
           (wanted.physical ? "physical" : "logical (" + wanted.database + ", " + wanted.plugin + ")");
  }
  if (!slot.physical || !features::advances_slots(seen.postgres.server_version)) return std::nullopt;
  // No standby uses this slot here, so an xmin that a standby's feedback left in it would hold back VACUUM for ever.
  const bool settled =
      !seen.presumed_primary().empty() && (seen.another_is_presumed_primary() || !seen.postgres.sql->in_recovery);
  if (settled && slot.holds_xmin && wanted.used == false) return "because of its xmin value";
  if (!slot.restart_lsn && !slot.holds_xmin && wanted.used != true) {
    return "because it has no restart_lsn; it was probably created by an external agent";
  }
  return std::nullopt;
}

SyncSlots plan_changes(const Observation& seen, const WantedSlots& wanted, const Memory::Slots& memory) {
  SyncSlots sync;
  std::set<std::string> present;
  for (const auto& slot : seen.postgres.sql->slots) {
    const auto it = wanted.find(slot.name);
    auto why = superfluous(seen, slot, it == wanted.end() ? nullptr : &it->second, memory);
    if (!why && it != wanted.end()) why = unusable(seen, slot, it->second);
    if (why) {
      sync.drop.push_back({slot.name, *why});
    } else {
      present.insert(slot.name);
    }
  }
  for (const auto& [name, slot] : wanted) {
    // Only the primary creates a logical slot; standbys copy it.
    if (present.contains(name) || (!slot.physical && seen.postgres.sql->in_recovery)) continue;
    sync.create.push_back({name, slot.physical, slot.database, slot.plugin});
  }
  return sync;
}

AdvanceSlots plan_advances(const Observation& seen, const WantedSlots& wanted) {
  AdvanceSlots advance;
  const auto& sql = *seen.postgres.sql;
  if (!features::advances_slots(seen.postgres.server_version)) return advance;
  for (const auto& slot : sql.slots) {
    const auto it = wanted.find(slot.name);
    if (it == wanted.end() || !fits(slot, it->second) || slot.active || slot.lost || !slot.restart_lsn) continue;
    if (slot.physical ? it->second.used == true || slot.holds_xmin : !sql.in_recovery) continue;
    const Lsn limit = sql.in_recovery ? sql.replay_lsn.value_or(0) : sql.wal_lsn;
    const Lsn to = std::min(it->second.lsn, limit);
    if (to > *slot.restart_lsn) advance.slots.push_back({slot.name, slot.database, to});
  }
  return advance;
}

std::string text_of(const SyncSlots& sync) {
  std::string text;
  for (const auto& slot : sync.create) text += "+" + slot.name;
  for (const auto& slot : sync.drop) text += "-" + slot.name;
  return text;
}

}  // namespace

Actions plan_slots(const Observation& seen, Memory::Slots& memory) {
  Actions actions;
  // Without the cluster's configuration it is not known which slots are wanted.
  if (!seen.settings.use_slots || !seen.postgres.sql || !seen.cluster.config_json || seen.slots_busy) return actions;
  auto wanted = wanted_slots(seen);
  if (seen.holds_leader_key() || seen.postgres.running_primary()) {
    for (const auto& [name, since] : memory.retained) {
      if (name != slot_name(seen.self)) wanted.try_emplace(name);
    }
  }
  if (!memory.surveyed) {
    memory.managed.clear();
    for (const auto& slot : seen.postgres.sql->slots) memory.managed.insert(slot.name);
    memory.surveyed = true;
    doubt_slots(seen, memory);
  }
  for (const auto& [name, slot] : wanted) memory.managed.insert(name);

  auto sync = plan_changes(seen, wanted, memory);
  const auto asked = text_of(sync);
  if (asked != memory.asked) memory.tries = 0;
  const bool failed_just_now = memory.tries > 0 && seen.now - memory.asked_at < retry_pause(memory.tries);
  if (asked.empty()) {
    memory.asked.clear();
  } else if (!failed_just_now) {
    ++memory.tries;
    memory.asked = asked;
    memory.asked_at = seen.now;
    actions.push_back(std::move(sync));
    return actions;
  }
  if (seen.now - memory.advanced_at >= seen.settings.loop_wait) {
    memory.advanced_at = seen.now;
    if (auto advance = plan_advances(seen, wanted); !advance.slots.empty()) actions.push_back(std::move(advance));
  }
  return actions;
}

std::vector<SlotSpec> slots_to_copy(const Observation& seen) {
  std::vector<SlotSpec> copies;
  if (!seen.postgres.running_standby() || !seen.another_is_presumed_primary() || !seen.cluster.config_json)
    return copies;
  for (const auto& [name, slot] : wanted_slots(seen)) {
    // A slot without a position in the DCS does not exist on the primary yet.
    if (slot.physical || slot.lsn == 0) continue;
    const bool present =
        std::ranges::any_of(seen.postgres.sql->slots, [&](const auto& one) { return one.name == name; });
    if (!present) copies.push_back({name, false, slot.database, slot.plugin});
  }
  return copies;
}

namespace {

constexpr std::int64_t missed_for_s = 24 * 3600;
constexpr std::size_t missed_max = 32;

// The recent members, and the time at which each was first missed. A member that vanishes without signing off is
// reported as missing. The report ends after a day, because the member may have been removed on purpose.
std::map<std::string, std::int64_t> members_of_late(const Observation& seen) {
  std::map<std::string, std::int64_t> all;
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(seen.wall.time_since_epoch()).count();
  if (seen.cluster.status) {
    for (const auto& [name, missed_at] : seen.cluster.status->members) {
      const auto since = missed_at == 0 ? now : missed_at;
      if (now - since < missed_for_s && all.size() < missed_max) all[name] = since;
    }
  }
  for (const auto& [name, member] : seen.cluster.members) all[name] = 0;
  return all;
}

void retain(const Observation& seen, Revision tenure, Memory::Slots& memory) {
  const auto& settings = seen.settings;
  std::set<std::string> members{slot_name(seen.self)};
  for (const auto& [name, member] : seen.cluster.members) {
    if (!member.tags.nostream) members.insert(slot_name(name));
  }
  const auto permanent = [&](const std::string& slot) {
    const auto it = settings.slots.find(slot);
    return it != settings.slots.end() && it->second.physical && is_permanent_here(settings, it->second);
  };
  auto& retained = memory.retained;
  if (memory.retained_in != tenure) {
    memory.retained_in = tenure;
    // If the previous leader kept the slot of a vanished member, member_slots_ttl begins anew under this leader.
    if (seen.cluster.status) {
      for (const auto& slot : seen.cluster.status->retain_slots) retained[slot] = seen.now;
    }
  }
  for (const auto& member : members) retained[member] = seen.now;
  std::erase_if(retained, [&](const auto& entry) {
    return permanent(entry.first) || seen.now - entry.second >= settings.member_slots_ttl;
  });
}

}  // namespace

Status status_now(const Observation& seen, Revision tenure, Memory::Slots& memory) {
  Status status;
  const auto& sql = *seen.postgres.sql;
  status.optime = sql.wal_lsn;
  status.timeline = sql.start();
  status.members = members_of_late(seen);
  if (!features::advances_slots(seen.postgres.server_version)) return status;
  const bool all = seen.settings.member_slots_ttl > Duration::zero();
  const auto wanted = wanted_slots(seen);
  for (const auto& slot : sql.slots) {
    const auto it = wanted.find(slot.name);
    if (it == wanted.end() || !fits(slot, it->second) || !slot.restart_lsn) continue;
    if (all || seen.settings.slots.contains(slot.name)) status.slots[slot.name] = *slot.restart_lsn;
  }
  if (!all) return status;
  status.slots[slot_name(seen.self)] = sql.wal_lsn;
  retain(seen, tenure, memory);
  for (const auto& [slot, since] : memory.retained) status.retain_slots.push_back(slot);
  return status;
}

}  // namespace tamada::core
