#include "core/candidate.h"

#include <array>
#include <cmath>
#include <cstdio>

#include "core/failsafe.h"
#include "core/lost_keys.h"
#include "core/sync.h"

namespace tamada::core {

std::optional<Lsn> own_position(const PostgresView& postgres) {
  if (postgres.sql) return postgres.sql->wal_lsn;
  return std::nullopt;
}

std::optional<std::string> newer_timeline(const Observation& seen, const PeerView& peer) {
  const Timeline ours = seen.postgres.sql ? seen.postgres.sql->timeline : 0;
  if (!peer.reachable || !peer.running || ours == 0 || peer.timeline <= ours) return std::nullopt;
  // The last leader was on our timeline, and wrote beyond the position at which the newer timeline began. So the newer
  // timeline is not the cluster's history, and a member on it cannot win.
  const auto& status = seen.cluster.status;
  // The part of the peer's WAL that the last leader wrote.
  const Lsn theirs = peer.start ? std::min(peer.lsn, peer.start->lsn) : peer.lsn;
  if (status && status->optime && seen.cluster.last_timeline() == ours && *status->optime > theirs &&
      *status->optime - theirs > seen.settings.maximum_lag_on_failover) {
    return std::nullopt;
  }
  return "Timeline " + std::to_string(peer.timeline) + " of " + peer.name + " is newer than mine";
}

Lsn of_the_last_leader(const Observation& seen) {
  const auto& sql = *seen.postgres.sql;
  const auto& status = seen.cluster.status;
  if (!status || !status->timeline || seen.settings.standby_cluster) return sql.wal_lsn;
  if (status->timeline->timeline > sql.timeline) return sql.wal_lsn;
  if (is_part_of(sql.timelines, sql.timeline, *status->timeline) != false) return sql.wal_lsn;
  // If the other timeline has the same number as ours but another beginning, or our history skips its number, only the
  // WAL before the fork is common.
  Lsn both = std::min(sql.wal_lsn, status->timeline->lsn);
  for (const auto& start : sql.timelines) {
    if (start.timeline >= status->timeline->timeline) return std::min(both, start.lsn);
  }
  return both;
}

namespace {

constexpr Duration outage_noticed_within = 10s;

// "48 MB". Three digits are enough for an operator to judge the size.
std::string format_size(Lsn bytes) {
  constexpr std::array units{"bytes", "kB", "MB", "GB", "TB", "PB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, value < 10 && value != std::floor(value) ? "%.1f" : "%.0f", value);
  return std::string(text) + " " + units[unit];
}

std::optional<std::string> lag_obstacle(const Observation& seen, Lsn mine) {
  if (!seen.cluster.status || !seen.cluster.status->optime) return std::nullopt;
  const Lsn last = *seen.cluster.status->optime;
  if (last > mine && last - mine > seen.settings.maximum_lag_on_failover) {
    return "My wal position exceeds maximum replication lag";
  }
  return std::nullopt;
}

// Judges by histories alone, because positions on two histories of the same number cannot be compared: the history of
// the last leader wins. nullopt when both are the same history, or when that is not known; then the positions decide.
std::optional<std::optional<std::string>> by_history(const Observation& seen, const PeerView& peer) {
  const auto& sql = *seen.postgres.sql;
  const auto ours = sql.start();
  const auto& last = seen.cluster.status ? seen.cluster.status->timeline : std::nullopt;
  if (!ours || !peer.start || same_timeline(*ours, *peer.start) != false) return std::nullopt;
  if (sync_active(seen)) return std::optional<std::string>();  // the key `sync` and the votes decide it
  if (!last) return std::nullopt;
  if (same_timeline(*ours, *last) == true) return std::optional<std::string>();
  if (same_timeline(*peer.start, *last) == true) {
    return std::optional("Timeline " + std::to_string(sql.timeline) + " of " + peer.name +
                         " is that of the last leader; mine has the same number, but another history");
  }
  return std::nullopt;
}

std::optional<std::string> peer_obstacle(const Observation& seen, const PeerView& peer, Lsn mine) {
  if (!peer.reachable || !peer.running) return std::nullopt;
  // A member that was cut off from the DCS for a whole ttl cannot win the race and must not keep others from it, unless
  // the outage hit all members and is just over.
  const bool cut_off = peer.dcs_last_seen_ago > seen.settings.ttl;
  if (peer.in_recovery && cut_off && seen.now - seen.dcs.ok_since > outage_noticed_within) return std::nullopt;
  const bool we_are_primary = seen.postgres.running_primary();
  const Timeline our_timeline = seen.postgres.sql->timeline;
  if (!peer.in_recovery) {
    // Of two primaries, the one on the older timeline was the leader earlier.
    if (we_are_primary && peer.timeline < our_timeline) return std::nullopt;
    return "Primary (" + peer.name + ") is still alive";
  }
  if (we_are_primary) return std::nullopt;  // a standby has no WAL that its primary does not have
  const bool promotable = !peer.nofailover && peer.failover_priority > 0 && !excluded_by_failsafe(seen, peer.name);
  if (!promotable || !is_rival(seen, peer)) return std::nullopt;
  if (peer.timeline == our_timeline) {
    if (const auto settled = by_history(seen, peer)) return *settled;
  }
  // Positions can be compared only within one timeline: the cluster has already abandoned WAL of an older timeline
  // beyond the fork.
  if (peer.timeline != 0 && our_timeline != 0 && peer.timeline != our_timeline) {
    return newer_timeline(seen, peer);
  }
  if (peer.lsn > mine) return "Wal position of " + peer.name + " is ahead of my wal position";
  if (peer.lsn == mine && peer.failover_priority > seen.settings.tags.failover_priority) {
    return peer.name + " has equally tolerable WAL position and priority " + std::to_string(peer.failover_priority) +
           ", while this node has priority " + std::to_string(seen.settings.tags.failover_priority);
  }
  return std::nullopt;
}

// ---- the gates of the race; a gate is checked only when all gates before it are open.

std::optional<std::string> tags_gate(const Observation& seen) {
  if (seen.settings.tags.may_be_promoted()) return std::nullopt;
  return "following a different leader because I am not allowed to promote";
}

std::optional<std::string> fence_gate(const Observation& seen) {
  if (seen.fence.usable) return std::nullopt;
  return "Watchdog device is not usable: " + seen.fence.trouble;
}

std::optional<std::string> postgres_gate(const Observation& seen) {
  if (own_position(seen.postgres)) return std::nullopt;
  return "PostgreSQL does not answer";
}

std::optional<std::string> lag_gate(const Observation& seen) {
  if (seen.postgres.running_primary()) return std::nullopt;
  // As with Patroni, an operator's failover goes to the member that it names, however far that is behind.
  if (seen.cluster.failover_to(seen.self)) return std::nullopt;
  return lag_obstacle(seen, of_the_last_leader(seen));
}

std::optional<std::string> timeline_gate(const Observation& seen) {
  if (seen.settings.standby_cluster) return std::nullopt;  // another cluster writes its history
  if (seen.postgres.running_standby() && seen.cluster.forced_failover_to(seen.self)) return std::nullopt;
  // A former primary lacks the commits that its successors acknowledged, even if check_timeline is off.
  const bool counts = seen.postgres.running_primary() ? !seen.settings.pause : seen.settings.check_timeline;
  if (!counts) return std::nullopt;
  const Timeline last = seen.cluster.last_timeline();
  if (seen.postgres.sql->timeline >= last) return std::nullopt;
  return "My timeline " + std::to_string(seen.postgres.sql->timeline) + " is behind last known cluster timeline " +
         std::to_string(last);
}

std::optional<std::string> sync_gate(const Observation& seen) {
  return seen.settings.pause ? std::nullopt : sync_obstacle(seen);
}

std::optional<std::string> first_rival(const Observation& seen, Rivals rivals) {
  for (const auto& [peer_name, peer] : seen.peers) {
    if (rivals == Rivals::primaries && peer.in_recovery) continue;
    if (auto why = peer_obstacle(seen, peer, *own_position(seen.postgres))) return why;
  }
  return std::nullopt;
}

std::optional<std::string> peers_gate(const Observation& seen) { return first_rival(seen, Rivals::all); }

struct GateRule {
  std::string_view name;
  std::optional<std::string> (*obstacle)(const Observation&);
  bool compares = false;  // it compares our position with others', so it is checked only when our position is known
  bool elects = false;    // it chooses one of several standbys
};
constexpr std::array race_gates{GateRule{"tags", tags_gate},
                                GateRule{"fence", fence_gate},
                                GateRule{"postgres", postgres_gate},
                                GateRule{"lag", lag_gate, true},
                                GateRule{"timeline", timeline_gate, true},
                                GateRule{"sync", sync_gate, true, true},
                                GateRule{"peers", peers_gate, true, true}};

// ---- the gates before the race: whether there is a race, and whether this node could win it.

std::optional<std::string> dcs_gate(const Observation& seen) {
  if (!seen.cluster.loaded) return "the DCS has not answered yet";
  if (!seen.dcs.ok) return "the DCS does not answer: " + seen.dcs.error;
  if (!seen.lease_alive()) return "this node has no lease";
  return std::nullopt;
}

std::optional<std::string> pause_gate(const Observation& seen) {
  if (!seen.settings.pause) return std::nullopt;
  return "the cluster is paused: only a switchover or failover that names this node promotes it";
}

std::optional<std::string> leader_key_gate(const Observation& seen) {
  if (seen.cluster.unlocked() || seen.cluster.leader->name == seen.self) return std::nullopt;
  return seen.cluster.leader->name + " holds the leader key";
}

std::optional<std::string> data_gate(const Observation& seen) {
  switch (seen.postgres.data_directory) {
    case DataDirectory::valid:
      return std::nullopt;
    case DataDirectory::absent:
      return "the data directory is empty";
    case DataDirectory::incomplete:
      return "the data directory is an unfinished copy";
    case DataDirectory::half_rewound:
      return "the data directory is half rewound";
    case DataDirectory::unusable:
      break;
  }
  return "the data directory holds no readable cluster";
}

std::optional<std::string> failsafe_gate(const Observation& seen) {
  if (!seen.postgres.running_standby() || !excluded_by_failsafe(seen, seen.self)) return std::nullopt;
  return "not named in /failsafe: only a switchover or failover that names this node promotes it";
}

constexpr std::array early_gates{GateRule{"dcs", dcs_gate}, GateRule{"pause", pause_gate},
                                 GateRule{"leader_key", leader_key_gate}, GateRule{"data", data_gate}};

}  // namespace

std::optional<std::string> race_obstacle(const Observation& seen, Rivals rivals) {
  for (const auto& gate : race_gates) {
    if (gate.elects && rivals != Rivals::all) continue;
    if (auto why = gate.obstacle(seen)) return why;
  }
  return rivals == Rivals::all ? std::nullopt : first_rival(seen, rivals);
}

std::vector<Gate> promotion_gates(const Observation& seen, const Memory& memory) {
  std::vector<Gate> gates;
  for (const auto& gate : early_gates) gates.push_back({gate.name, gate.obstacle(seen)});
  gates.push_back({"failsafe", failsafe_gate(seen)});
  gates.push_back({"lost_keys", lost_keys_obstacle(seen, memory)});
  const bool answers = own_position(seen.postgres).has_value();
  for (const auto& gate : race_gates) {
    if (!gate.compares || answers) gates.push_back({gate.name, gate.obstacle(seen)});
  }
  return gates;
}

Reference reference_of(const SqlView& leader) {
  Reference reference{.lsn = leader.wal_lsn, .timeline = leader.timeline, .current = true};
  reference.start = leader.start();
  for (const auto& row : leader.replication) {
    if (row.state == "streaming") reference.standbys.insert(row.application_name);
  }
  return reference;
}

std::optional<std::string> candidate_obstacle(const Member& member, const PeerView* peer, const Reference& reference,
                                              Lsn lag_max) {
  if (!member.tags.may_be_promoted()) return member.name + " is tagged as nofailover";
  if (!peer || !peer->reachable) return member.name + " does not answer on " + member.api_url;
  if (!peer->running) return member.name + ": PostgreSQL is not running";
  if (!peer->in_recovery) return member.name + " is a primary";
  if (peer->nofailover || peer->failover_priority <= 0) return member.name + " is tagged as nofailover";
  // Just after a promotion a standby already streams from the new primary, but still reports the old timeline.
  const bool on_its_way = peer->timeline < reference.timeline && reference.standbys.contains(member.name);
  if (reference.timeline != 0 && peer->timeline != 0 && peer->timeline != reference.timeline && !on_its_way) {
    return member.name + " is on timeline " + std::to_string(peer->timeline) + ", the cluster on " +
           std::to_string(reference.timeline);
  }
  if (reference.start && peer->start && peer->timeline == reference.timeline &&
      same_timeline(*reference.start, *peer->start) == false) {
    return member.name + " has another history of timeline " + std::to_string(peer->timeline);
  }
  if (reference.current && peer->lsn > reference.lsn) {
    return member.name + " has WAL that we do not have: its history has parted from ours";
  }
  if (reference.lsn > peer->lsn && reference.lsn - peer->lsn > lag_max) {
    return member.name + ": lag " + format_size(reference.lsn - peer->lsn) + " over the limit of " +
           format_size(lag_max);
  }
  return std::nullopt;
}

std::optional<std::string> switchover_obstacle(const Observation& seen, const Member& member) {
  const auto it = seen.peers.find(member.name);
  if (!seen.postgres.sql) return "PostgreSQL does not answer here";
  const auto reference = reference_of(*seen.postgres.sql);
  const auto why = candidate_obstacle(member, it == seen.peers.end() ? nullptr : &it->second, reference,
                                      seen.settings.maximum_lag_on_failover);
  // /sync may be older than a crash or a change of the mode. Only a connected standby gets the last WAL before the
  // primary stops.
  const bool keeps_commits = sync_active(seen) && seen.cluster.failover && seen.cluster.failover->is_switchover();
  if (!why && keeps_commits && !reference.standbys.contains(member.name)) {
    return member.name + " does not stream from here yet";
  }
  return why;
}

}  // namespace tamada::core
