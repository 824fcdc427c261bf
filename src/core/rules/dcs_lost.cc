// The DCS does not answer. A primary goes on as long as its lease certainly lives and there is time left to stop. Then
// it becomes read-only, unless in failsafe mode all members agree that it goes on. Standbys stay as they are. Patroni's
// log line: "demoting self because DCS is not accessible and I was a leader".
#include <algorithm>

#include "core/failsafe.h"
#include "core/rules/common.h"
#include "core/rules/following.h"

namespace tamada::core::rules {
namespace {

constexpr Duration failsafe_retry = 1s;
constexpr Duration stop_takes = 1s;

Decision demote_now(const Observation& seen, const Memory& memory) {
  Memory next = memory;
  next.jobs.seen = seen.job.id;
  const auto left = stopped_by(seen, memory) - seen.now;
  // A request that was cancelled because it was slow has not failed.
  const bool failed = job_failed(seen, memory.jobs, JobKind::stop) && seen.job.immediate_at &&
                      seen.job.ended_at >= *seen.job.immediate_at;
  return warn(
      next, "demoting self because DCS is not accessible and I was a leader",
      {StartJob{
          .kind = JobKind::stop, .stop_mode = failed ? StopMode::immediate : StopMode::fast, .timeout = left / 2}});
}

// When to ask the other members for the first time, and when to ask again.
Instant ask_failsafe_at(const Observation& seen, const Memory& memory) {
  const auto& failsafe = seen.failsafe;
  if (failsafe_until(seen) > seen.now) {
    const Duration again = std::min(seen.settings.loop_wait, seen.settings.demote_after() / 3);
    return failsafe.asked_at + (failsafe.trouble.empty() ? again : std::min(again, failsafe_retry));
  }
  const auto first = demote_at(seen, memory) - seen.settings.retry_timeout;
  return failsafe.asked_at < seen.dcs.failing_since ? first : std::max(first, failsafe.asked_at + failsafe_retry);
}

// Goes on as the primary with the consent of the other members, or asks for it; nullopt when that is not possible.
std::optional<Decision> by_failsafe(const Observation& seen, const Memory& memory) {
  if (!failsafe_possible(seen) || !seen.postgres.running_primary() || seen.job.running()) return std::nullopt;
  // Only a primary that holds the leader key may ask.
  if (failsafe_refused(seen) || memory.fence.without_leader_key_since) return std::nullopt;
  const bool asked = seen.failsafe.asked_at >= seen.dcs.failing_since;
  const auto until = std::max(demote_at(seen, memory), failsafe_until(seen).value_or(Instant{}));
  // If a DCS that hangs has delayed this decision, the primary still asks the members once, as long as there is time
  // left to stop.
  const bool too_late =
      seen.lease.deadline && seen.now + seen.settings.failsafe_patience() + stop_takes > *seen.lease.deadline;
  if (seen.now >= until && (asked || too_late)) return std::nullopt;
  const auto ask_at = ask_failsafe_at(seen, memory);
  if (seen.now >= ask_at) {
    return ask(memory, "failsafe mode: asking all members whether this primary may go on", {failsafe_question(seen)});
  }
  auto decision =
      failsafe_until(seen) > seen.now
          ? say(memory, "continue to run as a leader because failsafe mode is enabled and all members are accessible")
          : warn(memory, "DCS is not accessible (" + seen.dcs.error + "), failsafe mode is asked in " +
                             seconds(ask_at - seen.now) + " s if that lasts");
  if (asked && !seen.failsafe.trouble.empty()) {
    decision = warn(memory, "DCS is not accessible, and failsafe mode has no consent of " + seen.failsafe.trouble +
                                ": read-only in " + seconds(until - seen.now) + " s if that lasts");
  }
  decision.wake_at = std::min(ask_at, until);
  return decision;
}

// A standby whose primary goes on in failsafe mode keeps its replication slots moving.
std::optional<Decision> follow_failsafe_leader(const Observation& seen, const Memory& memory) {
  if (!seen.follows_by_consent() || !seen.cluster.loaded || seen.job.running()) return std::nullopt;
  auto decision = replica(seen, memory);
  // If the server's history has diverged from the leader's, the server is not stopped: pg_rewind has to wait for the
  // DCS, so the server would only be started again as it is.
  return decision && job_of(*decision) ? std::nullopt : std::move(decision);
}

}  // namespace

Answer dcs_lost(const Observation& seen, const Memory& memory) {
  if (seen.dcs.ok || seen.dcs.failing_since == Instant{}) return std::nullopt;
  const std::string trouble = "DCS is not accessible (" + seen.dcs.error + ")";
  const bool may_become = seen.job.running() && seen.job.as_primary;
  if ((seen.postgres.may_write() || may_become) && !seen.settings.pause && !memory.data.bootstrapping) {
    // If the last known leader key names another member, the primary stops at once.
    const bool another_leads = !seen.cluster.unlocked() && seen.cluster.leader->name != seen.self;
    if (another_leads && !seen.job.running()) return demote(seen, memory);
    if (auto decision = by_failsafe(seen, memory)) return decision;
    if (seen.now >= demote_at(seen, memory) || failsafe_refused(seen) || another_leads) {
      if (!seen.job.running()) return demote_now(seen, memory);
      if (seen.job.kind != JobKind::stop) {
        return warn(memory, "cancelling " + std::string(name(seen.job.kind)) + ": " + trouble, {CancelJob{}});
      }
      return warn(memory, "stopping PostgreSQL: " + trouble);
    }
    auto decision =
        warn(memory, trouble + ", read-only in " + seconds(demote_at(seen, memory) - seen.now) + " s if that lasts");
    decision.wake_at = demote_at(seen, memory);
    return decision;
  }
  if (auto decision = follow_failsafe_leader(seen, memory)) return decision;
  if (seen.job.running()) return warn(memory, std::string(name(seen.job.kind)) + " in progress; " + trouble);
  // A primary that was stopped because it had no lease is started as a standby, and serves reads again.
  if (!seen.settings.pause && memory.callbacks.role != "" && seen.postgres.process == ProcessState::stopped &&
      seen.postgres.data_directory == DataDirectory::valid && !in_backoff(seen, memory.jobs, JobKind::start)) {
    Memory next = memory;
    note_rewind(seen, next.jobs, next.rewind);
    if (job_failed(seen, memory.jobs, JobKind::start)) note_failure(next.jobs, seen, JobKind::start);
    judge_end(seen, next.server, next.jobs);
    next.jobs.seen = seen.job.id;
    if (in_backoff(seen, next.jobs, JobKind::start)) return warn(next, "failed to start postgres; " + trouble);
    return warn(
        next, "starting as a read-only standby: " + trouble,
        {StartJob{.kind = JobKind::start, .upstream = upstream_in_emergency(next), .as_standby = true, .timeout = 0s}});
  }
  return warn(memory, trouble);
}

Answer unknown_cluster(const Observation& seen, const Memory& memory) {
  if (seen.cluster.loaded) return std::nullopt;
  if (auto decision = stop_primary_without_key(seen, memory)) return decision;
  auto decision = say(memory, "waiting on the DCS");
  decision.wake_at = without_leader_key_until(seen, memory);
  return decision;
}

}  // namespace tamada::core::rules
