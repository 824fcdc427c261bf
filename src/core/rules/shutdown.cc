// SIGTERM: stop PostgreSQL, release the leader key with the position of the stop, and exit. In pause PostgreSQL is left
// running (Patroni's documentation of pause mode).
#include "core/presentation.h"
#include "core/rules/common.h"

namespace tamada::core::rules {

Answer shutdown(const Observation& seen, const Memory& memory) {
  if (!seen.requests.shutdown) return std::nullopt;
  if (seen.settings.pause) {
    return say(memory, "leaving PostgreSQL and the leader key as they are: the cluster is paused", {Exit{0}});
  }
  if (seen.job.running()) {
    if (seen.job.kind == JobKind::stop) {
      const bool written = seen.postgres.shut_down();
      return say(memory, written ? "stopping: " + shutdown_waits_for(seen.postgres) : "stopping PostgreSQL");
    }
    return say(memory, "cancelling " + std::string(name(seen.job.kind)) + ": asked to stop", {CancelJob{}});
  }
  if (seen.postgres.has_postmaster()) {
    Memory next = memory;
    const bool failed = job_failed(seen, memory.jobs, JobKind::stop);
    next.jobs.seen = seen.job.id;
    next.hand_over.why = "shutdown";
    return say(next, failed ? "PostgreSQL did not stop, ending it" : "stopping PostgreSQL: asked to stop",
               {StartJob{.kind = JobKind::stop,
                         .stop_mode = failed ? StopMode::immediate : StopMode::fast,
                         .checkpoint_first = may_checkpoint_first(seen) && !failed,
                         .timeout = seen.postgres.running_primary() ? seen.settings.stop_limit() : 0s}});
  }
  Actions actions;
  if (seen.holds_leader_key() && seen.dcs.ok) actions = release_after_stop(seen);
  if (memory.data.bootstrapping && seen.dcs.ok) actions.push_back(CancelInitialize{});
  if (seen.lease.id && seen.dcs.ok) actions.push_back(RevokeLease{});
  actions.push_back(Exit{0});
  return say(memory, "stopped, the leader key is free", std::move(actions));
}

}  // namespace tamada::core::rules
