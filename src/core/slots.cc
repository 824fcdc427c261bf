#include "core/slots.h"

#include <algorithm>
#include <set>

#include "core/server_features.h"
#include "core/sync_names.h"

namespace tamada::core {

namespace {
// Returns the code point that begins at `at`, and moves `at` past it. Each byte of an invalid sequence counts as a code
// point.
unsigned next_code_point(std::string_view text, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
  unsigned code = more == 0 ? lead : lead & (0x3fu >> more);
  for (int i = 0; i < more && at < text.size() && (text[at] & 0xc0) == 0x80; ++i) {
    code = (code << 6) | (static_cast<unsigned char>(text[at++]) & 0x3fu);
  }
  return code;
}
}  // namespace

std::string slot_name(std::string_view member) {
  std::string slot;
  for (std::size_t at = 0; at < member.size();) {
    const unsigned c = next_code_point(member, at);
    if (c >= 'A' && c <= 'Z') {
      slot += static_cast<char>(c - 'A' + 'a');
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_') {
      slot += static_cast<char>(c);
    } else if (c == '-' || c == '.') {
      slot += '_';
    } else {
      const auto digits = std::to_string(c);
      slot += "u" + std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
    }
  }
  return slot.substr(0, 63);
}

std::string synchronized_standby_slots(std::string_view sync_names) {
  std::string slots;
  for (const auto& standby : parse_sync_names(sync_names).standbys) {
    if (standby != strict_placeholder) slots += (slots.empty() ? "" : ",") + slot_name(standby);
  }
  return slots;
}

std::string upstream_of(const ClusterView& cluster, std::string_view primary, const Member& member) {
  const std::string leader{primary};
  const auto* source = cluster.member(member.tags.replicatefrom);
  if (member.tags.replicatefrom.empty() || !source || !source->running() || source->name == member.name) return leader;
  // Follows the chain of sources. A chain that comes back to this member never reaches the leader.
  std::set<std::string> passed{member.name};
  for (const auto* at = source; at && at->name != leader;) {
    if (!passed.insert(at->name).second) return leader;
    at = at->tags.replicatefrom.empty() ? nullptr : cluster.member(at->tags.replicatefrom);
  }
  return source->name;
}

std::string slot_on_primary(const Observation& seen) {
  const auto& cluster = seen.cluster;
  std::set<std::string> passed;
  std::string at = seen.self;
  const Tags* tags = &seen.settings.tags;
  while (passed.insert(at).second) {
    const auto* source = cluster.member(tags->replicatefrom);
    if (!source || source->name == seen.presumed_primary()) break;
    at = source->name;
    tags = &source->tags;
  }
  return slot_name(at);
}

bool streams_from_primary(const ClusterView& cluster, const std::string& name, const Tags& tags) {
  std::set<std::string> passed{name};
  const Tags* at = &tags;
  for (std::string here = name;;) {
    if (at->nostream) return false;
    const auto* source =
        at->replicatefrom.empty() || at->replicatefrom == here ? nullptr : cluster.member(at->replicatefrom);
    if (!source) return true;
    if (!passed.insert(source->name).second) return false;
    here = source->name;
    at = &source->tags;
  }
}

namespace {

bool can_advance(const Observation& seen) { return features::advances_slots(seen.postgres.server_version); }

// The slot's position as the primary tells it: in the key `status`, or in its question for our consent while it cannot
// write that key.
Lsn known_position(const Observation& seen, const std::string& slot) {
  if (seen.follows_by_consent()) {
    const auto told = seen.failsafe.leader.slots.find(slot);
    if (told != seen.failsafe.leader.slots.end()) return told->second;
  }
  const auto& status = seen.cluster.status;
  if (!status) return 0;
  const auto it = status->slots.find(slot);
  return it == status->slots.end() ? 0 : it->second;
}

// No server streams from the leader's slot of a cascading member. The slot is advanced to the position that the member
// tells in its key or, while the DCS does not answer, in its last answer to POST /failsafe.
Lsn cascading_position(const Observation& seen, const Member& member) {
  const auto& told = seen.failsafe.positions;
  const auto it = told.find(member.name);
  return std::max(member.xlog_location.value_or(0), !seen.dcs.ok && it != told.end() ? it->second : 0);
}

void want_members(const Observation& seen, WantedSlots& wanted) {
  const auto& settings = seen.settings;
  const bool everywhere = can_advance(seen) && settings.member_slots_ttl > Duration::zero();
  for (const auto& [name, member] : seen.cluster.members) {
    if (name == seen.self || member.tags.nostream) continue;
    const bool used = upstream_of(seen.cluster, seen.presumed_primary(), member) == seen.self;
    // A node that may never lead keeps slots only for members whose tag names it as their source.
    const bool here = everywhere ? !settings.tags.nofailover || member.tags.replicatefrom == seen.self : used;
    if (!here) continue;
    const auto slot = slot_name(name);
    WantedSlot entry{.used = used, .lsn = known_position(seen, slot)};
    if (!member.tags.replicatefrom.empty()) entry.lsn = std::max(entry.lsn, cascading_position(seen, member));
    wanted[slot] = entry;
  }
  if (settings.tags.nofailover || !seen.cluster.status) return;
  for (const auto& slot : seen.cluster.status->retain_slots) {
    if (slot != slot_name(seen.self)) wanted.try_emplace(slot);
  }
}

void want_permanent(const Observation& seen, WantedSlots& wanted) {
  const auto& settings = seen.settings;
  if (settings.tags.nofailover) return;
  const bool leads = !seen.postgres.sql->in_recovery || seen.holds_leader_key();
  const bool logical_too = !settings.standby_cluster && streams_from_primary(seen.cluster, seen.self, settings.tags);
  std::map<std::string, const Member*> cascading;
  for (const auto& [name, member] : seen.cluster.members) {
    if (!member.tags.replicatefrom.empty()) cascading[slot_name(name)] = &member;
  }
  for (const auto& [name, slot] : settings.slots) {
    Lsn lsn = known_position(seen, name);
    if (!slot.physical) {
      // A member's physical slot of that name has precedence.
      if (logical_too && can_advance(seen)) {
        wanted.try_emplace(
            name,
            WantedSlot{.physical = false, .database = slot.database, .plugin = slot.plugin, .used = {}, .lsn = lsn});
      }
      continue;
    }
    if (!is_permanent_here(settings, slot) || name == slot_name(seen.self)) continue;
    if (!can_advance(seen) && !leads) continue;
    const auto member = cascading.find(name);
    if (member != cascading.end()) lsn = std::max(lsn, cascading_position(seen, *member->second));
    wanted.try_emplace(name, WantedSlot{.used = leads && member == cascading.end(), .lsn = lsn});
  }
}

}  // namespace

bool is_permanent_here(const Settings& settings, const PermanentSlot& slot) {
  return slot.cluster_type.empty() || (slot.cluster_type == "standby") == settings.standby_cluster.has_value();
}

WantedSlots wanted_slots(const Observation& seen) {
  WantedSlots wanted;
  if (!seen.settings.use_slots || !seen.postgres.sql) return wanted;
  want_members(seen, wanted);
  want_permanent(seen, wanted);
  return wanted;
}

bool is_ignored(const Settings& settings, const SlotView& slot) {
  const auto fits = [](const std::string& wanted, std::string_view value) { return wanted.empty() || wanted == value; };
  return std::ranges::any_of(settings.ignore_slots, [&](const SlotMatcher& matcher) {
    return fits(matcher.name, slot.name) && fits(matcher.type, slot.physical ? "physical" : "logical") &&
           fits(matcher.database, slot.database) && fits(matcher.plugin, slot.plugin);
  });
}

namespace {

bool needs_feedback(const Observation& seen, const std::string& name, const Tags& tags) {
  if (!streams_from_primary(seen.cluster, name, tags)) return false;
  if (!tags.nofailover) return true;
  return std::ranges::any_of(seen.cluster.members, [&](const auto& entry) {
    const auto& member = entry.second;
    const bool leads = seen.presumed_primary() == member.name;
    return member.tags.replicatefrom == name && !leads && needs_feedback(seen, member.name, member.tags);
  });
}

}  // namespace

bool needs_feedback(const Observation& seen) {
  const auto& settings = seen.settings;
  const bool logical = std::ranges::any_of(settings.slots, [](const auto& entry) { return !entry.second.physical; });
  return logical && settings.use_slots && !settings.standby_cluster && can_advance(seen) &&
         needs_feedback(seen, seen.self, settings.tags);
}

}  // namespace tamada::core
