// There is no leader: the healthiest member takes the key. A member that loses the comparison just looks again.
#include <algorithm>

#include "core/candidate.h"
#include "core/failsafe.h"
#include "core/lost_keys.h"
#include "core/rules/common.h"
#include "core/sync.h"

namespace tamada::core::rules {
namespace {

// For this time the candidate of a switchover may take the key before the other members. A node that gave the key up
// lets any other member take it first.
constexpr Duration others_first_for = 5s;
// A standby that lacks WAL of the old leader waits this long for members that have it, such as the old leader itself as
// a standby.
constexpr Duration behind_waits_for = 10s;

Decision wait(const Memory& memory, std::string reason, Instant until) {
  auto decision = say(memory, std::move(reason));
  decision.wake_at = until;
  return decision;
}

// Why another member has to go first in a hand-over; nullopt when it is our turn.
std::optional<std::string> not_our_turn(const Observation& seen, const Memory& memory) {
  if (in_backoff(seen, memory.jobs, JobKind::promote))
    return tried_again(seen, memory.jobs, JobKind::promote, "the promotion");
  const auto since = memory.leadership.unlocked_since.value_or(seen.now);
  if (memory.race.gave_up_at && seen.now - *memory.race.gave_up_at < others_first_for && failover_possible(seen)) {
    return "waiting for another member to take the leader key that we gave up";
  }
  const auto& request = seen.cluster.failover;
  if (!request || seen.now - since >= others_first_for) return std::nullopt;
  if (request->scheduled_at && *request->scheduled_at > seen.wall) return std::nullopt;
  if (!request->candidate.empty() && request->candidate != seen.self) {
    const auto it = seen.peers.find(request->candidate);
    const bool gone = it != seen.peers.end() && seen.peers_asked_at >= since && !it->second.reachable;
    if (!gone) return "waiting for the candidate " + request->candidate + " to take over";
  }
  if (request->leader == seen.self) return "waiting for another member to take over";
  return std::nullopt;
}

// Says how much WAL of the old leader this standby lacks; nullopt when it lacks none.
std::optional<std::string> missing(const Observation& seen) {
  if (!seen.postgres.running_standby()) return std::nullopt;
  const Timeline mine = seen.postgres.sql->timeline;
  const bool ours = !seen.settings.standby_cluster;  // a standby cluster's WAL is written by another cluster
  if (const Timeline last = seen.cluster.last_timeline(); ours && mine != 0 && mine < last) {
    return "timeline " + std::to_string(mine) + " of " + std::to_string(last);
  }
  const auto position = of_the_last_leader(seen);
  const auto& status = seen.cluster.status;
  if (!status || !status->optime || position >= *status->optime) return std::nullopt;
  return format_lsn(position) + " of " + format_lsn(*status->optime);
}

bool others_may_have_it(const Observation& seen, const Memory& memory) {
  return seen.now - memory.leadership.unlocked_since.value_or(seen.now) < behind_waits_for;
}

// The candidate of a hand-over does not have to be ahead of the others, but it must have all that the old leader wrote.
std::optional<std::string> named_candidate_obstacle(const Observation& seen, const Memory& memory) {
  if (const auto what = missing(seen); what && others_may_have_it(seen, memory)) {
    return "waiting for the last WAL of the old leader: " + *what;
  }
  // A manual failover goes to the member that the operator names, even if commits are lost. A switchover does not.
  if (seen.cluster.failover->is_switchover()) {
    if (auto why = sync_obstacle(seen)) return why;
  }
  return race_obstacle(seen, Rivals::primaries);
}

// Why the last leader may still be a primary: the keys were deleted rather than expired, so it may still rely on its
// lease, and it does not answer.
std::optional<std::string> leader_may_live_on(const Observation& seen, const Memory& memory) {
  // A standby cluster has no primary that could live on.
  const auto since = std::max(memory.leadership.unlocked_since.value_or(seen.now), memory.leadership.primary_seen_at);
  if (seen.cluster.initialize || seen.settings.standby_cluster || memory.leadership.last_leader == seen.self ||
      seen.now - since >= seen.settings.ttl) {
    return std::nullopt;
  }
  if (seen.postgres.running_primary()) {
    // This may be the only primary, in a cluster whose keys are not in the DCS yet.
    const auto silent = std::ranges::find_if(seen.peers, [](const auto& peer) { return !peer.second.reachable; });
    if (silent == seen.peers.end() || seen.settings.pause) return std::nullopt;
    return "the keys are gone, and " + silent->first + ", which does not answer, may have led after this primary";
  }
  const auto it = seen.peers.find(memory.leadership.last_leader);
  if (it != seen.peers.end() && it->second.running && it->second.in_recovery) return std::nullopt;
  // This node was started or cut off since then, so it knows neither who the leader was nor which members still have to
  // write their keys.
  const std::string who = memory.leadership.last_leader.empty()
                              ? "it is not known who led last: that member"
                              : memory.leadership.last_leader + " does not answer: it";
  return "the keys are gone, and " + who + " may be a primary until its lease ends";
}

// Why this primary must not take the key: its daemon was away, and another member was promoted meanwhile.
std::optional<std::string> left_behind(const Observation& seen, const Memory& memory) {
  if (!seen.postgres.running_primary() || seen.settings.pause || memory.leadership.last_leader == seen.self)
    return std::nullopt;
  for (const auto& [peer_name, peer] : seen.peers) {
    if (auto why = newer_timeline(seen, peer)) return why;
  }
  return std::nullopt;
}

// For primary_race_backoff: the old primary still sends WAL, and only its daemon is silent. As in Patroni, WAL counts
// as received during the first loop_wait, because the key may have ended just after the last observation.
std::optional<Instant> backing_off_until(const Observation& seen, const Memory& memory) {
  const auto& settings = seen.settings;
  const bool named = seen.cluster.failover && !seen.cluster.failover->candidate.empty();
  if (settings.primary_race_backoff == 0s || settings.pause || named || !seen.postgres.running_standby()) {
    return std::nullopt;
  }
  const auto since = memory.leadership.unlocked_since.value_or(seen.now);
  const bool moves =
      seen.postgres.sql->replication_state == "streaming" && seen.now - memory.race.received_at <= settings.loop_wait;
  const auto until =
      since + (moves ? settings.primary_race_backoff : std::min(settings.primary_race_backoff, settings.loop_wait));
  return seen.now < until ? std::optional(since + settings.primary_race_backoff) : std::nullopt;
}

std::optional<std::string> behind_the_old_leader(const Observation& seen, const Memory& memory) {
  if (sync_active(seen)) return std::nullopt;  // this standby is known to have every acknowledged commit
  const auto what = missing(seen);
  if (!what || !others_may_have_it(seen, memory)) return std::nullopt;
  return "behind the old leader's last position, members with more WAL go first: " + *what;
}

Answer run_race(const Observation& seen, const Memory& memory) {
  if (!seen.cluster.unlocked() || !seen.postgres.sql) return std::nullopt;
  const bool found_running = seen.job.id == 0;  // not started by us
  if (!seen.cluster.initialize && seen.postgres.running_standby() && memory.callbacks.role.empty() && found_running) {
    auto decision = warn(memory,
                         "No initialize key in DCS and PostgreSQL is running as replica, aborting start; please first "
                         "start the node running as primary",
                         {Exit{1}});
    decision.severity = Severity::error;
    return decision;
  }
  if (auto decision = stop_primary_without_key(seen, memory)) return decision;
  if (!seen.settings.tags.may_be_promoted() && seen.postgres.running_standby()) {
    return say(memory, "following a different leader because I am not allowed to promote");
  }
  if (const auto until = backing_off_until(seen, memory)) {
    return wait(memory,
                "My (" + seen.self + ") wal position moved since last heart beat loop, " + seconds(*until - seen.now) +
                    " seconds until leader race",
                seen.now + std::min(*until - seen.now, seen.settings.loop_wait));
  }
  if (seen.postgres.running_standby() && failsafe_leader_alive(seen)) {
    // That primary may not know of the pause, and relies on our consent even if it does not answer us now.
    if (seen.settings.pause) {
      return wait(
          memory,
          "not promoting: " + seen.failsafe.leader.name + " goes on by the consent that we gave in failsafe mode",
          consent_ends_at(seen));
    }
    auto decision = replica(seen, memory);
    decision->wake_at = std::min(decision->wake_at.value_or(Instant::max()), consent_ends_at(seen));
    return decision;
  }
  const bool named = seen.cluster.failover && seen.cluster.failover->candidate == seen.self;
  const bool excluded =
      seen.postgres.running_standby() && !seen.settings.pause && excluded_by_failsafe(seen, seen.self);
  if (excluded && !named) {
    return say(memory, "following a different leader because I am not allowed to promote: not named in /failsafe");
  }
  if (const auto why = not_our_turn(seen, memory)) return wait(memory, *why, seen.now + race_retry);
  if (!seen.lease_alive()) return wait(memory, "waiting for a lease", seen.now + race_retry);
  const auto others = everybody_else(seen, memory);
  // A leader may have come and gone since the members were asked, while this machine was frozen.
  const bool asked =
      peers_fresh(seen, memory, memory.leadership.unlocked_since) && seen.peers_asked_by == seen.cluster.leader_marks();
  if (!others.empty() && !asked) {
    // A primary that has to become read-only does not wait for members that do not answer.
    return ask(memory, "no leader: asking the other members",
               {PollPeers{others, without_leader_key_until(seen, memory)}});
  }
  auto obstacle = named ? named_candidate_obstacle(seen, memory) : race_obstacle(seen);
  if (!obstacle) obstacle = left_behind(seen, memory);
  if (!obstacle && excluded) obstacle = failsafe_obstacle(seen);
  if (const auto why = leader_may_live_on(seen, memory); !obstacle && why) {
    return wait(memory, *why, seen.now + race_retry);
  }
  if (const auto why = lost_keys_obstacle(seen, memory); !obstacle && why) {
    auto decision = wait(memory, *why, seen.now + race_retry);
    decision.severity = Severity::warning;
    return decision;
  }
  if (const auto who = may_have_our_consent(seen); !obstacle && !who.empty()) {
    obstacle = "the consents that this node gave in failsafe mode are known for less than ttl: " + who +
               " does not answer as a running standby, and may be a primary by one of them";
  }
  if (!obstacle && !named) obstacle = behind_the_old_leader(seen, memory);
  if (!obstacle) {
    Memory next = memory;
    next.race.raced_at = others.empty() ? seen.now : seen.peers_answered_at;
    return say(next,
               seen.postgres.running_primary() ? "acquired session lock as a leader"
                                               : "taking the leader key: healthiest member",
               {AcquireLeader{.marks = seen.cluster.leader_marks()}});
  }
  if (seen.postgres.running_primary() && !seen.settings.pause) {
    return warn(memory, "demoting self because i am not the healthiest node: " + *obstacle,
                {StartJob{.kind = JobKind::stop, .stop_mode = StopMode::fast, .timeout = 10s}});
  }
  return wait(memory, *obstacle, seen.now + race_retry);
}

}  // namespace

Answer race(const Observation& seen, const Memory& memory) {
  auto decision = run_race(seen, memory);
  if (decision) decision->memory.race.peers_weighed = seen.peers_answered_at;
  return decision;
}

}  // namespace tamada::core::rules
