#include "core/candidate.h"

namespace tamada::core {

std::optional<Lsn> own_position(const PostgresView& postgres) {
  if (postgres.sql) return postgres.sql->wal_lsn;
  return std::nullopt;
}

namespace {

std::optional<std::string> lag_obstacle(const Observation& seen, Lsn mine) {
  if (!seen.cluster.status || !seen.cluster.status->optime) return std::nullopt;
  const Lsn last = *seen.cluster.status->optime;
  if (last > mine && last - mine > seen.settings.maximum_lag_on_failover) {
    return "My wal position exceeds maximum replication lag";
  }
  return std::nullopt;
}

std::optional<std::string> peer_obstacle(const Observation& seen, const PeerView& peer, Lsn mine) {
  if (!peer.reachable || !peer.running) return std::nullopt;
  // Cut off from the DCS for a whole ttl it cannot win the race, and must not keep others from it.
  const auto seen_at = std::chrono::seconds(peer.dcs_last_seen);
  if (peer.in_recovery && peer.dcs_last_seen > 0 && seen.wall.time_since_epoch() - seen_at > seen.settings.ttl) {
    return std::nullopt;
  }
  const bool we_are_primary = seen.postgres.running_primary();
  const Timeline our_timeline = seen.postgres.sql->timeline;
  if (!peer.in_recovery) {
    // Of two primaries the one on the older timeline is the one that was left behind.
    if (we_are_primary && peer.timeline < our_timeline) return std::nullopt;
    return "Primary (" + peer.name + ") is still alive";
  }
  if (we_are_primary) return std::nullopt;  // a standby has nothing that its primary has not
  if (peer.nofailover || peer.failover_priority <= 0) return std::nullopt;
  // Positions compare within one timeline; what an older one has beyond the fork is abandoned already.
  if (peer.timeline != 0 && our_timeline != 0 && peer.timeline != our_timeline) {
    if (peer.timeline < our_timeline) return std::nullopt;
    return "Timeline " + std::to_string(peer.timeline) + " of " + peer.name + " is newer than mine";
  }
  if (peer.lsn > mine) return "Wal position of " + peer.name + " is ahead of my wal position";
  if (peer.lsn == mine && peer.failover_priority > seen.settings.tags.failover_priority) {
    return peer.name + " has equally tolerable WAL position and priority " + std::to_string(peer.failover_priority) +
           ", while this node has priority " + std::to_string(seen.settings.tags.failover_priority);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> race_obstacle(const Observation& seen) {
  if (!seen.settings.tags.may_be_promoted()) {
    return "following a different leader because I am not allowed to promote";
  }
  if (!seen.fence.usable) return "Watchdog device is not usable: " + seen.fence.trouble;
  const auto mine = own_position(seen.postgres);
  if (!mine) return "PostgreSQL does not answer";
  if (!seen.postgres.running_primary()) {
    if (auto why = lag_obstacle(seen, *mine)) return why;
    if (seen.settings.check_timeline && seen.cluster.history && !seen.cluster.history->empty() &&
        seen.postgres.sql->timeline < seen.cluster.history->back().timeline + 1) {
      return "My timeline " + std::to_string(seen.postgres.sql->timeline) + " is behind last known cluster timeline " +
             std::to_string(seen.cluster.history->back().timeline + 1);
    }
  }
  for (const auto& [peer_name, peer] : seen.peers) {
    if (auto why = peer_obstacle(seen, peer, *mine)) return why;
  }
  return std::nullopt;
}

std::optional<std::string> switchover_obstacle(const Observation& seen, const Member& member) {
  if (!member.tags.may_be_promoted()) return member.name + " is tagged as nofailover";
  const auto it = seen.peers.find(member.name);
  if (it == seen.peers.end() || !it->second.reachable) return member.name + " does not answer on " + member.api_url;
  const auto& peer = it->second;
  if (!peer.running) return member.name + ": PostgreSQL is not running";
  if (!peer.in_recovery) return member.name + " is a primary";
  if (peer.nofailover || peer.failover_priority <= 0) return member.name + " is tagged as nofailover";
  const auto mine = own_position(seen.postgres);
  if (!mine) return "PostgreSQL does not answer here";
  if (seen.postgres.sql->timeline != 0 && peer.timeline != 0 && peer.timeline != seen.postgres.sql->timeline) {
    return member.name + " is on timeline " + std::to_string(peer.timeline) + ", the cluster on " +
           std::to_string(seen.postgres.sql->timeline);
  }
  if (peer.lsn > *mine) return member.name + " has WAL that we do not have: its history has parted from ours";
  if (*mine > peer.lsn && *mine - peer.lsn > seen.settings.maximum_lag_on_failover) {
    return member.name + ": lag " + std::to_string(*mine - peer.lsn) + " bytes, over the limit of " +
           std::to_string(seen.settings.maximum_lag_on_failover);
  }
  return std::nullopt;
}

}  // namespace tamada::core
