// A switchover or a manual failover that somebody requested through the key `failover`. The leader checks which members
// can take over, stops postgres cleanly, and gives the leader key away with the position at which postgres stopped. The
// candidate takes the key.
#include "core/candidate.h"
#include "core/failsafe.h"
#include "core/rules/common.h"

namespace tamada::core::rules {
namespace {

Decision refuse(const Observation& seen, const Memory& memory, const std::string& why) {
  return warn(memory, why, {ClearFailover{seen.cluster.failover->revision}});
}

std::vector<Member> candidates(const Observation& seen, const FailoverRequest& request) {
  std::vector<Member> members;
  for (const auto& [member_name, member] : seen.cluster.members) {
    if (member_name == seen.self || member.api_url.empty()) continue;
    // As in Patroni a manual failover may go to an asynchronous standby, a switchover may not.
    if (request.is_switchover() && sync_active(seen) && !is_sync_standby(seen.cluster, member_name)) continue;
    if (request.candidate.empty() || request.candidate == member_name) members.push_back(member);
  }
  return members;
}

// Waits until the leader key disappears with the lease. Then another member is promoted, as after the death of this
// machine; by then the guard has also killed what is left of this server.
Decision wait_for_end_of_lease(const Observation& seen, const Memory& memory) {
  Memory next = memory;
  if (!seen.leader_key_names_us()) {
    next.hand_over.why.clear();
    next.hand_over.by_lease = false;
    next.race.gave_up_at = seen.now;
    next.callbacks.role = "demoted";
    return warn(next, memory.hand_over.why + ": the leader key has ended with its lease");
  }
  next.hand_over.by_lease = true;
  return warn(next, memory.hand_over.why +
                        ": PostgreSQL's processes do not end, not even by SIGKILL: the leader key ends with its lease");
}

}  // namespace

// The stop that `switchover` or `shutdown` began is over: release the leader key.
Answer hand_over(const Observation& seen, const Memory& memory) {
  if (!memory.hand_over.under_way()) return std::nullopt;
  Memory next = memory;
  next.jobs.seen = seen.job.id;
  const bool answers = seen.postgres.running_primary() || seen.postgres.running_standby();
  const bool stop_failed = job_failed(seen, memory.jobs, JobKind::stop);
  // A stop that was cancelled may not have sent SIGKILL. If no guard kills the server at the end of the lease, the
  // lease is renewed.
  const bool killed_in_vain = stop_failed && !seen.job.cancelled_at && seen.fence.guarded;
  if ((memory.hand_over.by_lease || killed_in_vain) && !answers) return wait_for_end_of_lease(seen, next);
  next.hand_over.by_lease = false;
  if (seen.postgres.process == ProcessState::stopped) {
    next.hand_over.why.clear();
    if (!seen.holds_leader_key()) return say(next, "stopped; the leader key is no longer ours");
    next.race.gave_up_at = seen.now;
    next.callbacks.role = "demoted";
    const auto optime = stopped_cleanly_at(seen);
    return say(next, memory.hand_over.why + (optime ? ": stopped cleanly" : ": stopped") + ", the leader key is free",
               {ReleaseLeader{optime}});
  }
  // The server was stopped while the DCS did not answer, and has been serving reads as a standby since.
  if (seen.postgres.running_standby()) {
    next.hand_over.why.clear();
    auto decision = warn(next, memory.hand_over.why + " given up: PostgreSQL was started again as a standby meanwhile");
    decision.wake_at = seen.now;
    return decision;
  }
  if (stop_failed || seen.postgres.running_primary()) {
    next.hand_over.why.clear();
    Actions actions;
    if (seen.cluster.failover) actions.push_back(ClearFailover{seen.cluster.failover->revision});
    return warn(next, memory.hand_over.why + " given up: PostgreSQL did not stop: " + seen.job.error,
                std::move(actions));
  }
  return say(memory, memory.hand_over.why + ": waiting for PostgreSQL to stop");
}

Answer switchover(const Observation& seen, const Memory& memory) {
  const bool leads = seen.settings.standby_cluster ? seen.postgres.running_standby() : seen.postgres.running_primary();
  if (!seen.cluster.failover || !seen.holds_leader_key() || !leads) return std::nullopt;
  const auto& request = *seen.cluster.failover;
  if (request.scheduled_at && *request.scheduled_at > seen.wall) return std::nullopt;
  const std::string what = request.is_switchover() ? "switchover" : "manual failover";
  // This is written before the stop. Afterwards the key tells the members that wait for the hand-over which of them
  // goes first.
  const Duration late = seen.wall - request.scheduled_at.value_or(seen.wall);
  if (late > lateness_allowed(seen.settings) && memory.hand_over.request_tried != request.revision) {
    return refuse(seen, memory, "Found a stale " + what + " value, cleaning up: it is " + seconds(late) + " s late");
  }
  if (request.is_switchover() && request.leader != seen.self) {
    if (request.candidate.empty() || request.candidate == seen.self) {
      return say(memory, what + " from " + request.leader + ": done", {ClearFailover{request.revision}});
    }
    return refuse(seen, memory, what + ": leader name does not match: " + request.leader + " != " + seen.self);
  }
  if (request.candidate == seen.self) {
    if (request.is_switchover()) return refuse(seen, memory, what + ": I am already the leader, no need to fail over");
    return say(memory, what + ": done", {ClearFailover{request.revision}});
  }
  if (seen.settings.pause && request.candidate.empty()) {
    return refuse(seen, memory, what + " without a candidate is not possible in pause");
  }
  const auto members = candidates(seen, request);
  if (members.empty() && !request.candidate.empty() && sync_active(seen)) {
    return refuse(seen, memory,
                  what + ": candidate=" + request.candidate +
                      " does not match with sync_standbys=" + joined(sync_members(*seen.cluster.sync)));
  }
  if (members.empty()) {
    return refuse(seen, memory,
                  what + ": there is no member " + (request.candidate.empty() ? "to take over" : request.candidate));
  }
  if (memory.hand_over.request_tried == request.revision) {
    return refuse(seen, memory, what + ": the leader key was released, and no member took it");
  }
  // A new leader first writes its keys, because the next leader depends on them. A member that /failsafe does not name
  // may not be promoted. A member that does not know our timeline may be promoted on an older one. A /sync of a mode
  // that was switched off would promise commits that waited for no standby.
  const bool told_history = !history_missing(seen) || memory.written.history_at != Instant{};
  const bool stale_sync = !seen.settings.synchronous() && seen.cluster.sync && !seen.cluster.sync->leader.empty();
  if (failsafe_to_write(seen) || !told_history || stale_sync) return std::nullopt;
  // The answers must be newer than this request, because those to an earlier switchover are out of date.
  if (!peers_fresh(seen, memory, memory.hand_over.request_seen_at))
    return say(memory, what + ": asking the candidates", {PollPeers{members}});
  std::string obstacles;
  int possible = 0;
  for (const auto& member : members) {
    if (const auto why = switchover_obstacle(seen, member)) {
      obstacles += (obstacles.empty() ? "" : "; ") + *why;
    } else {
      ++possible;
    }
  }
  if (possible > 0 && request.candidate.empty() && sync_active(seen) && possible <= seen.cluster.sync->quorum) {
    return refuse(seen, memory,
                  what + ": Quorum requirement " + std::to_string(seen.cluster.sync->quorum) + " can not be reached");
  }
  if (possible == 0) return refuse(seen, memory, what + ": no healthy members found: " + obstacles);
  Memory next = memory;
  next.hand_over.request_tried = request.revision;
  if (seen.settings.standby_cluster) {
    // The standby leader writes nothing, so its server is not stopped; it will follow the new leader.
    next.race.gave_up_at = seen.now;
    return say(next, what + ": the leader key is free", {ReleaseLeader{seen.postgres.sql->wal_lsn}});
  }
  next.hand_over.why = what;
  next.jobs.seen = seen.job.id;
  return say(next, what + ": demoting myself",
             {StartJob{.kind = JobKind::stop,
                       .stop_mode = StopMode::fast,
                       .checkpoint_first = true,
                       .timeout = seen.settings.stop_limit()}});
}

}  // namespace tamada::core::rules
