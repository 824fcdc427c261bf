#include "core/lost_keys.h"

namespace tamada::core {
namespace {

// A primary that goes on in failsafe mode has to ask us: /failsafe named us, and we have been a member ever since. Its
// questions we know of.
bool would_be_asked(const Observation& seen, const Memory& memory) {
  return memory.named_by != 0 && memory.named_by == seen.lease.id && seen.lease_alive() && seen.dcs.ok &&
         seen.dcs.ok_since <= memory.named_at;
}

std::string silent_members(const Observation& seen, const Memory& memory) {
  std::string names;
  for (const auto& [member_name, member] : memory.electorate) {
    if (member_name == seen.self || member.api_url.empty()) continue;
    const auto peer = seen.peers.find(member_name);
    const bool heard =
        peer != seen.peers.end() && peer->second.reachable && peer->second.running && peer->second.in_recovery;
    if (!heard) names += (names.empty() ? "" : ", ") + member_name;
  }
  return names;
}

}  // namespace

void note_membership(const Observation& seen, Memory& memory) {
  const auto& failsafe = seen.cluster.failsafe;
  const bool named = failsafe && failsafe->contains(seen.self) && seen.lease_alive();
  memory.named_by = named ? seen.lease.id : 0;
  memory.named_at = seen.now;
}

std::optional<std::string> lost_keys_obstacle(const Observation& seen, const Memory& memory) {
  const auto& cluster = seen.cluster;
  if (!cluster.loaded || !cluster.unlocked() || cluster.initialize || seen.settings.standby_cluster)
    return std::nullopt;
  if (memory.last_leader == seen.self) return std::nullopt;  // until the keys were gone
  const bool by_hand =
      cluster.failover && cluster.failover->candidate == seen.self && !cluster.failover->is_switchover();
  const bool asked_since = memory.unlocked_since && seen.peers_asked_at >= *memory.unlocked_since;
  if (by_hand || !asked_since) return std::nullopt;
  const bool failsafe = seen.settings.failsafe_mode && !would_be_asked(seen, memory);
  if (!failsafe && !seen.settings.synchronous()) return std::nullopt;
  const auto silent = silent_members(seen, memory);
  if (silent.empty()) return std::nullopt;
  return "all keys in the DCS are gone, and " + silent +
         " did not answer as a running standby; a member that does not " +
         (failsafe ? "may still be the primary, in failsafe mode"
                   : "may have commits of synchronous mode that nobody else has") +
         ". Nobody is promoted until all members answer, or until somebody chooses: tamadactl failover --candidate "
         "MEMBER";
}

}  // namespace tamada::core
