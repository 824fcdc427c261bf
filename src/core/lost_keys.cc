#include "core/lost_keys.h"

namespace tamada::core {
namespace {

// Whether our lease, and so our member key, lived until the keys were gone. If so, no leader removed this node from
// /failsafe, and a primary that goes on in failsafe mode has asked it; and no change of the mode or of the leader has
// escaped this node.
bool member_until_then(const Memory& memory) {
  return memory.leadership.unlocked_since && *memory.leadership.unlocked_since < memory.electorate.ours_until;
}

std::string silent_members(const Observation& seen, const Memory& memory) {
  std::string names;
  for (const auto& [member_name, member] : memory.electorate.members) {
    if (member_name == seen.self || member.api_url.empty()) continue;
    if (!seen.answers_as_standby(member_name)) names += (names.empty() ? "" : ", ") + member_name;
  }
  return names;
}

}  // namespace

void note_membership(const Observation& seen, Memory::Electorate& electorate) {
  const auto& failsafe = seen.cluster.failsafe;
  const auto* published = seen.cluster.member(seen.self);
  const bool member = seen.dcs.ok && seen.lease_alive() && published && published->lease == seen.lease.id &&
                      (!failsafe || failsafe->contains(seen.self));
  electorate.ours_until = member ? *seen.lease.deadline : Instant{};
}

std::optional<std::string> lost_keys_obstacle(const Observation& seen, const Memory& memory) {
  const auto& cluster = seen.cluster;
  if (!cluster.loaded || !cluster.unlocked() || cluster.initialize || seen.settings.standby_cluster)
    return std::nullopt;
  if (memory.leadership.last_leader == seen.self) return std::nullopt;  // we led until the keys were deleted
  // A request without force may come from an operator who does not know that the keys were lost.
  const bool by_hand = cluster.forced_failover_to(seen.self);
  const bool asked_since = memory.leadership.unlocked_since && seen.peers_asked_at >= *memory.leadership.unlocked_since;
  if (by_hand || !asked_since) return std::nullopt;
  const bool known = member_until_then(memory);
  if (known && !seen.settings.synchronous()) return std::nullopt;
  const auto silent = silent_members(seen, memory);
  if (silent.empty()) return std::nullopt;
  const std::string why =
      seen.settings.synchronous()
          ? "may be the only one with some of the commits that were acknowledged in synchronous mode"
      : seen.settings.failsafe_mode
          ? "may still be the primary, in failsafe mode"
          : "may have become the primary while this node was cut off, and may still be one in failsafe mode";
  return "all keys in the DCS are gone, and " + silent +
         " did not answer as a running standby; a member that does not " + why +
         ". No member is promoted until all of them answer. If those that do not answer are certainly stopped, run: "
         "tamadactl failover"
         " --candidate MEMBER --force";
}

}  // namespace tamada::core
