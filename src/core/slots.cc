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

SlotPlan plan_slots(const Observation& seen, const Memory& memory) {
  SlotPlan plan{.create = {}, .drop = {}, .memory = memory};
  if (!seen.settings.use_slots || !seen.postgres.sql) return plan;
  std::set<std::string> wanted;
  for (const auto& [member_name, member] : seen.cluster.members) {
    if (member_name == seen.self || member.tags.nostream) continue;
    if (upstream_of(seen.cluster, member) == seen.self) wanted.insert(slot_name(member_name));
  }
  std::set<std::string> of_members;  // slots that are ours to drop: a name that is no member's is somebody else's
  for (const auto& [member_name, member] : memory.known_members) of_members.insert(slot_name(member_name));
  for (const auto& slot : seen.postgres.sql->slots) {
    if (wanted.erase(slot.name) > 0) {
      plan.memory.slot_unwanted_since.erase(slot.name);
      continue;
    }
    if (!slot.physical || slot.active || !of_members.contains(slot.name)) continue;
    const auto since = plan.memory.slot_unwanted_since.try_emplace(slot.name, seen.now).first->second;
    if (seen.now - since >= seen.settings.member_slots_ttl) {
      plan.drop.push_back(slot.name);
      plan.memory.slot_unwanted_since.erase(slot.name);
    }
  }
  plan.create.assign(wanted.begin(), wanted.end());
  return plan;
}

}  // namespace tamada::core
