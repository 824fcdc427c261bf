// The long operation runs: wait for it, and cancel it when the reason for which it was begun no longer holds.
#include "core/presentation.h"
#include "core/restart_conditions.h"
#include "core/rules/common.h"

namespace tamada::core::rules {

// A stop that began while nobody else could be promoted has no time limit, because of checkpoints, clients or a slow
// disk. A server that hangs meanwhile may answer again and take writes, so this rule begins the stop again with a
// limit.
Answer slow_stop(const Observation& seen, const Memory& memory) {
  if (!seen.job.running() || seen.job.kind != JobKind::stop || !seen.postgres.may_write()) return std::nullopt;
  if (seen.settings.pause || memory.data.bootstrapping) return std::nullopt;
  const bool lost_dcs = !seen.dcs.ok && seen.dcs.failing_since != Instant{} && seen.now >= demote_at(seen, memory);
  const bool another_leads = !seen.cluster.unlocked() && seen.cluster.leader->name != seen.self;
  if (!lost_dcs && !another_leads) return std::nullopt;
  const auto by = another_leads ? seen.now + 1s : stopped_by(seen, memory);
  if (seen.job.immediate_at && *seen.job.immediate_at <= by) return std::nullopt;
  return warn(memory,
              std::string("stopping PostgreSQL takes too long: ") +
                  (another_leads ? seen.cluster.leader->name + " is the leader" : "DCS is not accessible"),
              {CancelJob{}});
}

Answer job(const Observation& seen, const Memory& memory) {
  if (!seen.job.running()) return std::nullopt;
  const auto kind = seen.job.kind;
  const std::string what{name(kind)};
  const bool as_primary = seen.job.as_primary;
  if (as_primary && !memory.data.bootstrapping) {
    if (!seen.holds_leader_key() && !seen.settings.pause) {
      return warn(memory, "lost leader lock during " + what, {CancelJob{}});
    }
    const auto limit = start_limit(seen.settings, memory);
    const auto since = memory.server.crashed_at.value_or(seen.job.started_at);
    if (kind == JobKind::start && seen.now - since >= limit && failover_possible(seen)) {
      return warn(memory, "stopped PostgreSQL because of startup timeout", {CancelJob{}});
    }
  }
  if (seen.requests.reinitialize && seen.requests.reinitialize_by_force && !seen.holds_leader_key() && !as_primary &&
      kind != JobKind::stop && kind != JobKind::bootstrap) {
    return warn(memory, "cancelling " + what + ": asked for a fresh copy by force", {CancelJob{}});
  }
  if (kind == JobKind::start && seen.holds_leader_key()) {
    auto decision = say(memory, "PostgreSQL is still starting up");
    decision.wake_at = memory.server.crashed_at.value_or(seen.job.started_at) + start_limit(seen.settings, memory);
    return decision;
  }
  if (seen.postgres.shut_down()) return say(memory, "stop in progress: " + shutdown_waits_for(seen.postgres));
  const std::string lock = seen.holds_leader_key() ? "updated leader lock during " + what : what + " in progress";
  return say(memory, lock);
}

}  // namespace tamada::core::rules
