// The DCS does not answer. A primary serves on for as long as its lease surely lives and there is time left to stop;
// then it becomes read-only. Standbys stay as they are. Patroni's log line: "demoting self because DCS is not
// accessible and I was a leader".
#include "core/rules/common.h"

namespace tamada::core::rules {
namespace {

Decision demote_now(const Observation& seen, const Memory& memory) {
  Memory next = memory;
  next.job_seen = seen.job.id;
  // What is left of the lease is for stopping; at its end nothing may write any more.
  const auto left = seen.lease.deadline && *seen.lease.deadline > seen.now + 1s ? *seen.lease.deadline - seen.now : 1s;
  const bool failed = job_failed(seen, memory, JobKind::stop);
  return warn(
      next, "demoting self because DCS is not accessible and I was a leader",
      {StartJob{
          .kind = JobKind::stop, .stop_mode = failed ? StopMode::immediate : StopMode::fast, .timeout = left / 2}});
}

}  // namespace

Answer dcs_lost(const Observation& seen, const Memory& memory) {
  if (seen.dcs.ok || seen.dcs.failing_since == Instant{}) return std::nullopt;
  const std::string trouble = "DCS is not accessible (" + seen.dcs.error + ")";
  const bool may_write = seen.postgres.running_primary() ||
                         (seen.postgres.has_postmaster() && !seen.postgres.sql && !seen.postgres.standby_signal);
  if (may_write && !seen.settings.pause && !memory.bootstrapping) {
    if (seen.now >= demote_at(seen)) {
      if (!seen.job.running()) return demote_now(seen, memory);
      if (seen.job.kind != JobKind::stop) {
        return warn(memory, "cancelling " + std::string(name(seen.job.kind)) + ": " + trouble, {CancelJob{}});
      }
      return warn(memory, "stopping PostgreSQL: " + trouble);
    }
    auto decision =
        warn(memory, trouble + ", read-only in " + seconds(demote_at(seen) - seen.now) + " s if that lasts");
    decision.wake_at = demote_at(seen);
    return decision;
  }
  if (seen.job.running()) return warn(memory, std::string(name(seen.job.kind)) + " in progress; " + trouble);
  // What we stopped for want of a lease serves reads again.
  if (!seen.settings.pause && memory.role_told != "" && seen.postgres.process == ProcessState::stopped &&
      seen.postgres.data_directory == DataDirectory::valid && !in_backoff(seen, memory, JobKind::start)) {
    Memory next = memory;
    if (job_failed(seen, memory, JobKind::start)) note_failure(next, seen, JobKind::start);
    next.job_seen = seen.job.id;
    if (in_backoff(seen, next, JobKind::start)) return warn(next, "failed to start postgres; " + trouble);
    return warn(next, "starting as a read-only standby: " + trouble,
                {StartJob{.kind = JobKind::start, .as_standby = true, .timeout = 0s}});
  }
  return warn(memory, trouble);
}

Answer unknown_cluster(const Observation& seen, const Memory& memory) {
  if (seen.cluster.loaded) return std::nullopt;
  return say(memory, "waiting on the DCS");
}

}  // namespace tamada::core::rules
