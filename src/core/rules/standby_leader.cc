// The leader of a standby cluster: it holds the leader key, is no primary, and follows a server of another cluster.
// Source: Patroni's documentation, "Standby cluster". If an operator removes the section from the configuration
// (promote-cluster), the rule `promote` answers instead. If an operator adds the section to a running cluster
// (demote-cluster), its primary becomes a standby leader.
#include "core/rules/following.h"

namespace tamada::core::rules {
namespace {

Decision demote_cluster(const Observation& seen, const Memory& memory) {
  Memory next = memory;
  const bool failed = job_failed(seen, memory.jobs, JobKind::stop);
  next.jobs.seen = seen.job.id;
  // A member that gets our WAL from the archive needs the shutdown checkpoint, too; otherwise its promotion would fork
  // from our history before that record.
  return warn(next, "cannot be a real primary in a standby cluster: demoting to a standby cluster",
              {StartJob{.kind = JobKind::stop,
                        .stop_mode = failed ? StopMode::immediate : StopMode::fast,
                        .checkpoint_first = !failed,
                        .timeout = seen.settings.stop_limit(),
                        .archive_last_wal = true}});
}

}  // namespace

Answer standby_leader(const Observation& seen, const Memory& memory) {
  if (!seen.settings.standby_cluster || !seen.holds_leader_key()) return std::nullopt;
  if (seen.postgres.running_primary()) return demote_cluster(seen, memory);
  if (seen.postgres.process == ProcessState::stopped) {
    if (!job_failed(seen, memory.jobs, JobKind::start) || !failover_possible(seen))
      return std::nullopt;  // the rule `rejoin` starts it
    Memory next = memory;
    next.jobs.seen = seen.job.id;
    next.race.gave_up_at = seen.now;
    note_failure(next.jobs, seen, JobKind::start);
    return warn(next, "removed leader key after trying and failing to start postgres", {ReleaseLeader{}});
  }
  if (!seen.postgres.running_standby()) {
    auto decision = say(memory, seen.postgres.process == ProcessState::starting
                                    ? "PostgreSQL is still starting up as a standby leader"
                                    : "PostgreSQL does not answer; the leader key stays ours");
    decision.wake_at = seen.now + 500ms;
    return decision;
  }
  Memory kept = memory;
  kept.race.gave_up_at.reset();
  Actions keys = keep_keys(seen, kept);
  auto decision = keep_following(seen, kept, "no action. I am (" + seen.self + "), the standby leader with the lock");
  decision.actions.insert(decision.actions.begin(), std::make_move_iterator(keys.begin()),
                          std::make_move_iterator(keys.end()));
  return decision;
}

}  // namespace tamada::core::rules
