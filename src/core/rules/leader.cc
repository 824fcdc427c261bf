// What the holder of the leader key does: take over the key of its previous run, recover a crashed PostgreSQL, promote
// it, and keep the cluster's keys and slots in order.
#include "core/failsafe.h"
#include "core/restart_conditions.h"
#include "core/rules/common.h"
#include "core/slot_plan.h"
#include "core/slot_readiness.h"
#include "core/sync.h"

namespace tamada::core::rules {

// The daemon was killed and came back within its lease, so the key still has our name, but hangs on the previous lease.
Answer take_over_own_key(const Observation& seen, const Memory& memory) {
  if (!seen.leader_key_is_stale()) return std::nullopt;
  if (auto decision = stop_primary_without_key(seen, memory)) return decision;
  if (!seen.lease_alive()) return say(memory, "waiting for a lease");
  return say(memory, "the leader key is from the daemon's previous run: taking it over",
             {AcquireLeader{seen.cluster.leader->revision}});
}

namespace {

constexpr int failures_before_hand_over = 2;  // failed starts in a row; the first early end does not count as one

Decision release_after(const Observation& seen, Memory next, const std::string& what) {
  next.jobs.seen = seen.job.id;
  next.race.gave_up_at = seen.now;
  next.server.crashed_at.reset();
  next.callbacks.role = "demoted";
  return warn(next, "removed leader key after " + what, {ReleaseLeader{}, RunCallback{"on_role_change", "demoted"}});
}

// The primary ends soon after each start. Another member takes over if one can; otherwise there are growing pauses
// between the starts.
std::optional<Decision> end_restarts(const Observation& seen, const Memory& next) {
  const auto it = next.jobs.backoff.find(JobKind::start);
  if (it == next.jobs.backoff.end() || next.restarting) return std::nullopt;
  if (it->second.failures >= failures_before_hand_over && failover_possible(seen)) {
    return release_after(seen, next, std::to_string(it->second.failures + 1) + " starts: " + it->second.error);
  }
  if (!in_backoff(seen, next.jobs, JobKind::start)) return std::nullopt;
  auto decision = warn(next, tried_again(seen, next.jobs, JobKind::start, "starting primary after failure"));
  decision.wake_at = it->second.not_before;
  return decision;
}

// If the server were started again as a standby, it would be promoted again and would fail again, for example because
// pg_wal has no room.
Decision release_after_failed_promotion(const Observation& seen, const Memory& memory) {
  Memory next = memory;
  next.jobs.seen = seen.job.id;
  next.race.gave_up_at = seen.now;
  note_failure(next.jobs, seen, JobKind::promote);
  Actions actions{ReleaseLeader{}};
  const auto& request = seen.cluster.failover;
  if (request && request->candidate == seen.self) actions.push_back(ClearFailover{request->revision});
  return warn(next, "released leader key: promotion failed: " + seen.job.error, std::move(actions));
}

}  // namespace

Answer recover(const Observation& seen, const Memory& memory) {
  if (!seen.holds_leader_key() || seen.postgres.process != ProcessState::stopped) return std::nullopt;
  if (seen.settings.standby_cluster) return std::nullopt;
  if (seen.postgres.data_directory != DataDirectory::valid) return std::nullopt;
  if (job_failed(seen, memory.jobs, JobKind::promote)) return release_after_failed_promotion(seen, memory);
  Memory next = memory;
  if (job_failed(seen, memory.jobs, JobKind::start)) {
    note_failure(next.jobs, seen, JobKind::start);
    return release_after(seen, next, "trying and failing to start postgres");
  }
  judge_end(seen, next.server, next.jobs);
  next.jobs.seen = seen.job.id;
  if (!next.server.crashed_at) next.server.crashed_at = seen.now;
  if (auto decision = end_restarts(seen, next)) return decision;
  const bool was_primary = seen.postgres.control && seen.postgres.control->was_primary();
  if (start_limit(seen.settings, memory) == 0s && !memory.restarting && failover_possible(seen)) {
    next.race.gave_up_at = seen.now;
    next.server.crashed_at.reset();
    return warn(next, "released leader key: postgres crashed and primary_start_timeout is 0", {ReleaseLeader{}});
  }
  return warn(next,
              was_primary ? "starting primary after failure"
                          : "starting as a secondary: the leader key is ours, postgres is not running",
              {StartJob{.kind = JobKind::start, .as_standby = !was_primary, .timeout = 0s}});
}

namespace {

Decision set_before_promotion(const Observation& seen, Memory next, const SyncNames& names) {
  const auto text = format_sync_names(names);
  if (next.sync.names_asked == text && seen.now - next.sync.names_asked_at < 1s) {
    auto decision = warn(next, "not promoting yet: synchronous_standby_names does not become '" + text +
                                   "'; is it set by ALTER SYSTEM?");
    decision.wake_at = seen.now + 500ms;
    return decision;
  }
  next.sync.names_asked = text;
  next.sync.names_asked_at = seen.now;
  return say(next, "Assigning synchronous_standby_names to " + (text.empty() ? "''" : text), {SetSyncNames{text}});
}

}  // namespace

namespace {

constexpr Duration votes_count_for = 5s;  // from the race to the promotion, which usually follows at once

// In quorum mode an old primary that cannot be reached may have gone on, and members that voted for us may have
// acknowledged its commits since.
bool votes_expired(const Observation& seen, const Memory& memory) {
  const bool by_hand = seen.cluster.failover_to(seen.self);
  const bool by_votes = sync_active(seen) && seen.settings.synchronous_mode == SynchronousMode::quorum;
  return by_votes && !by_hand && seen.now - memory.race.raced_at > votes_count_for;
}

}  // namespace

Answer promote(const Observation& seen, const Memory& memory) {
  if (!seen.holds_leader_key() || !seen.postgres.running_standby()) return std::nullopt;
  Memory next = memory;
  if (job_failed(seen, memory.jobs, JobKind::promote)) {
    next.jobs.seen = seen.job.id;
    note_failure(next.jobs, seen, JobKind::promote);
    if (seen.job.step == "pre_promote") {  // the operator's program refused, and postgres has not been told to promote
      next.race.gave_up_at = seen.now;
      Actions actions{ReleaseLeader{}};
      // An operator named this node as the candidate and has the answer, so the request is deleted, and the other
      // members need not wait for this node.
      const auto& request = seen.cluster.failover;
      if (request && request->candidate == seen.self) actions.push_back(ClearFailover{request->revision});
      return warn(next, "released leader key: promotion failed: " + seen.job.error, std::move(actions));
    }
    // The server was told to promote and may still do so later, when nobody expects it.
    next.hand_over.why = "promotion failed";
    return warn(next, "stopping PostgreSQL before the leader key is released: promotion failed: " + seen.job.error,
                {StartJob{.kind = JobKind::stop, .stop_mode = StopMode::immediate, .timeout = 2s}});
  }
  if (job_ended(seen, memory.jobs, JobKind::promote)) return say(next, "waiting for the promoted server to answer");
  if (!seen.settings.tags.may_be_promoted()) {
    next.race.gave_up_at = seen.now;
    return warn(next, "released leader key: this node is tagged as nofailover", {ReleaseLeader{}});
  }
  if (gave_consent_meanwhile(seen, memory)) {
    next.race.gave_up_at = seen.now;
    return warn(next, "released leader key: " + seen.failsafe.leader.name + " goes on as the primary in failsafe mode",
                {ReleaseLeader{}});
  }
  if (!seen.fence.usable) {
    next.race.gave_up_at = seen.now;
    return warn(next, "Not promoting self because watchdog could not be activated: " + seen.fence.trouble,
                {ReleaseLeader{}});
  }
  if (votes_expired(seen, memory)) {
    const auto others = everybody_else(seen, memory);
    if (!others.empty() && !peers_fresh(seen, memory, std::nullopt)) {
      return ask(memory, "about to be promoted: asking for the votes again", {PollPeers{others}});
    }
    if (const auto why = sync_obstacle(seen)) {
      next.race.gave_up_at = seen.now;
      return warn(next, "released leader key: the votes for this node are too old, and now: " + *why,
                  {ReleaseLeader{}});
    }
  }
  if (const auto names = names_before_promotion(seen)) {
    if (parse_sync_names(seen.postgres.sql->sync_names) != *names) return set_before_promotion(seen, next, *names);
  }
  next.jobs.seen = seen.job.id;
  Actions actions{StartJob{.kind = JobKind::promote}};
  if (auto doubt = unproven_slots(memory.slots); !doubt.empty()) actions.push_back(Tell{std::move(doubt), true});
  next.slots.unproven.clear();
  return say(next, "promoted self to leader by acquiring session lock", std::move(actions));
}

Actions keep_keys(const Observation& seen, Memory& memory) {
  Actions actions;
  const auto& cluster = seen.cluster;
  if (!cluster.initialize || cluster.initialize->empty()) {
    if (!seen.postgres.system_identifier.empty()) actions.push_back(WriteInitialize{seen.postgres.system_identifier});
  }
  if (!cluster.config_json) actions.push_back(WriteConfig{});
  if (!seen.postgres.configuration_is_current) actions.push_back(ApplyConfiguration{});
  if (auto members = failsafe_to_write(seen)) actions.push_back(WriteFailsafe{std::move(*members)});
  const auto status = status_now(seen, memory.leadership.tenure, memory.slots);
  const auto& known = cluster.status;
  const bool moved = !known || known->optime != status.optime || known->slots != status.slots ||
                     known->retain_slots != status.retain_slots || known->timeline != status.timeline ||
                     known->members != status.members;
  // Due at each heartbeat, even if a heartbeat comes some milliseconds early.
  const auto since = seen.now - memory.written.status_at;
  const bool due = memory.written.status_at == Instant{} || since >= seen.settings.loop_wait * 9 / 10 || !known;
  if (moved && due) {
    memory.written.status_at = seen.now;
    actions.push_back(WriteStatus{status});
  }
  return actions;
}

namespace {

// What has to be done after a promotion.
void follow_up_promotion(const Observation& seen, Memory::Written& written, Actions& actions) {
  const auto& sql = *seen.postgres.sql;
  const bool history_due = written.history_at == Instant{} || seen.now - written.history_at >= seen.settings.loop_wait;
  if (history_missing(seen) && history_due) {
    written.history_at = seen.now;
    actions.push_back(WriteHistory{sql.timeline});
  }
  // pg_rewind reads the timeline from the control file, which only a checkpoint brings up to date.
  const bool promoted_here = seen.job.kind == JobKind::promote && seen.job.state == JobState::succeeded;
  if (promoted_here && written.checkpoint_for != sql.timeline) {
    written.checkpoint_for = sql.timeline;
    actions.push_back(Checkpoint{sql.timeline});
  }
}

}  // namespace

Answer leader(const Observation& seen, const Memory& memory) {
  if (!seen.holds_leader_key() || seen.settings.standby_cluster) return std::nullopt;
  if (!seen.postgres.running_primary()) {
    if (seen.postgres.process == ProcessState::starting) {
      const auto limit = memory.server.crashed_at.value_or(seen.now) + start_limit(seen.settings, memory);
      auto decision = say(memory, "PostgreSQL is still starting up, " +
                                      seconds(std::max(limit - seen.now, Duration{0})) + " seconds until timeout");
      decision.wake_at = seen.now + 500ms;
      return decision;
    }
    return warn(memory, "PostgreSQL does not answer; the leader key stays ours");
  }
  Memory next = memory;
  next.jobs.seen = seen.job.id;
  if (!seen.fence.usable) {
    next.hand_over.why = "Demoting self because watchdog could not be activated";
    return warn(next, next.hand_over.why + ": " + seen.fence.trouble,
                {StartJob{.kind = JobKind::stop, .stop_mode = StopMode::immediate}});
  }
  next.server.crashed_at.reset();
  next.race.gave_up_at.reset();
  forget_failures(seen, next.server, next.jobs);
  Actions actions = keep_keys(seen, next);
  follow_up_promotion(seen, next.written, actions);
  auto sync = plan_sync(seen, next.sync);
  for (auto& action : sync.actions) actions.push_back(std::move(action));
  if (sync.said.empty()) sync.said = "no action. I am (" + seen.self + "), the leader with the lock";
  auto decision = say(next, std::move(sync.said), std::move(actions));
  decision.severity = sync.severity;
  decision.wake_at = sync.wake_at;
  return decision;
}

}  // namespace tamada::core::rules
