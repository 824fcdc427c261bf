// Stops PostgreSQL on request, at once or at the requested time. A leader keeps its key. The rules for a stopped server
// start it again. Source: Patroni's documentation of POST /restart.
#include "core/presentation.h"
#include "core/restart_conditions.h"
#include "core/rules/common.h"

namespace tamada::core::rules {
namespace {

Decision begin(const Observation& seen, const Memory& memory, const RestartRequest& request, const std::string& what,
               Action forget) {
  if (seen.postgres.data_directory != DataDirectory::valid) {
    return warn(memory, what + ": there is no data directory to start from", {std::move(forget)});
  }
  Memory next = memory;
  next.restarting = Restarting{.after_job = seen.job.id, .timeout = request.timeout};
  next.callbacks.at_start = "on_restart";
  next.jobs.seen = seen.job.id;
  if (!seen.postgres.has_postmaster()) {
    return say(next, what + ": PostgreSQL is not running, it is started", {std::move(forget)});
  }
  return say(next, what + ": stopping PostgreSQL",
             {std::move(forget), StartJob{.kind = JobKind::stop,
                                          .stop_mode = StopMode::fast,
                                          .checkpoint_first = may_checkpoint_first(seen),
                                          .timeout = 0s}});
}

// As in Patroni, a scheduled restart waits while the cluster is paused or has no leader, and is dropped when its time
// is long over.
Answer scheduled(const Observation& seen, const Memory& memory) {
  const auto& request = *seen.requests.scheduled_restart;
  const auto& sql = seen.postgres.sql;
  const auto& asked_of = request.postmaster_start_time;
  if (sql && !asked_of.empty() && !sql->postmaster_start_time.empty() && sql->postmaster_start_time != asked_of) {
    return say(memory,
               "Cancelling scheduled restart: postgres restart has already happened at " + sql->postmaster_start_time,
               {ForgetScheduledRestart{}});
  }
  const Duration late = seen.wall - request.schedule.value_or(seen.wall);
  if (late < 0s || seen.settings.pause || seen.cluster.unlocked()) return std::nullopt;
  if (late > lateness_allowed(seen.settings)) {
    return warn(memory, "Found a stale restart value, cleaning up: it is " + seconds(late) + " s late",
                {ForgetScheduledRestart{}});
  }
  if (const auto why = restart_obstacle(seen, role_word(seen, memory), request)) {
    return warn(memory, "not proceeding with the restart: " + std::string(*why), {ForgetScheduledRestart{}});
  }
  return begin(seen, memory, request, "scheduled restart", ForgetScheduledRestart{});
}

}  // namespace

Answer restart(const Observation& seen, const Memory& memory) {
  if (seen.requests.restart) return begin(seen, memory, *seen.requests.restart, "restart", ForgetRequests{});
  if (seen.requests.scheduled_restart) return scheduled(seen, memory);
  return std::nullopt;
}

}  // namespace tamada::core::rules
