#include "core/slots.h"

#include <algorithm>
#include <set>

namespace tamada::core {

namespace {
// The code point that begins at `at`, which is moved past it; a broken sequence counts byte by byte.
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

std::string upstream_of(const ClusterView& cluster, const Member& member) {
  const std::string leader = cluster.leader ? cluster.leader->name : "";
  const auto* source = cluster.member(member.tags.replicatefrom);
  if (member.tags.replicatefrom.empty() || !source || !source->running() || source->name == member.name) return leader;
  // Follow the chain of sources: when it comes back to this member, it leads nowhere.
  std::set<std::string> passed{member.name};
  for (const auto* at = source; at && at->name != leader;) {
    if (!passed.insert(at->name).second) return leader;
    at = at->tags.replicatefrom.empty() ? nullptr : cluster.member(at->tags.replicatefrom);
  }
  return source->name;
}

namespace {

// How far the slot of `member` may move here, though the member does not use it.
std::optional<Lsn> received_by(const Observation& seen, const Member& member) {
  const auto& sql = *seen.postgres.sql;
  if (!sql.in_recovery) {
    if (upstream_of(seen.cluster, member) == seen.self) return std::nullopt;  // it will use it: that is what it is for
    return member.xlog_location;
  }
  if (!seen.cluster.status) return std::nullopt;
  const auto it = seen.cluster.status->slots.find(slot_name(member.name));
  if (it == seen.cluster.status->slots.end()) return std::nullopt;
  return std::min(it->second, sql.replay_lsn.value_or(0));  // a standby cannot move beyond what it has replayed
}

std::map<std::string, Lsn> plan_advances(const Observation& seen, const std::map<std::string, const Member*>& members) {
  std::map<std::string, Lsn> to;
  for (const auto& slot : seen.postgres.sql->slots) {
    const auto it = members.find(slot.name);
    if (it == members.end() || slot.active || !slot.physical || !slot.restart_lsn) continue;
    const auto lsn = received_by(seen, *it->second);
    if (lsn && *lsn > *slot.restart_lsn) to[slot.name] = *lsn;
  }
  return to;
}

}  // namespace

SlotPlan plan_slots(const Observation& seen, const Memory& memory) {
  SlotPlan plan{.actions = {}, .memory = memory};
  if (!seen.settings.use_slots || !seen.postgres.sql) return plan;
  std::map<std::string, const Member*> wanted;
  for (const auto& [member_name, member] : seen.cluster.members) {
    if (member_name != seen.self && !member.tags.nostream) wanted[slot_name(member_name)] = &member;
  }
  std::set<std::string> of_members;  // slots that are ours to drop: a name that is no member's is somebody else's
  for (const auto& [member_name, member] : memory.known_members) of_members.insert(slot_name(member_name));
  SyncSlots sync;
  std::set<std::string> present;
  for (const auto& slot : seen.postgres.sql->slots) {
    present.insert(slot.name);
    if (wanted.contains(slot.name)) {
      plan.memory.slot_unwanted_since.erase(slot.name);
      continue;
    }
    if (!slot.physical || slot.active || !of_members.contains(slot.name)) continue;
    const auto since = plan.memory.slot_unwanted_since.try_emplace(slot.name, seen.now).first->second;
    if (seen.now - since >= seen.settings.member_slots_ttl) {
      sync.drop.push_back(slot.name);
      plan.memory.slot_unwanted_since.erase(slot.name);
    }
  }
  for (const auto& [slot, member] : wanted) {
    if (!present.contains(slot)) sync.create.push_back(slot);
  }
  if (!sync.create.empty() || !sync.drop.empty()) plan.actions.push_back(std::move(sync));
  if (seen.now - memory.slots_advanced_at >= seen.settings.loop_wait) {
    plan.memory.slots_advanced_at = seen.now;
    if (auto to = plan_advances(seen, wanted); !to.empty()) plan.actions.push_back(AdvanceSlots{std::move(to)});
  }
  return plan;
}

}  // namespace tamada::core
