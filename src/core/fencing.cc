#include "core/fencing.h"

#include <algorithm>

#include "core/failsafe.h"

namespace tamada::core {
namespace {

bool makes_primary(JobKind kind, bool as_standby) {
  return kind == JobKind::promote || (kind == JobKind::start && !as_standby);
}

bool may_write(const Observation& seen, const Decision& decision) {
  const auto& postgres = seen.postgres;
  if (postgres.running_primary()) return true;
  if (postgres.has_postmaster() && !postgres.sql && !postgres.standby_signal) return true;
  if (seen.job.running() && (seen.job.kind == JobKind::promote || seen.job.as_primary)) return true;
  // Before it is done, not after: the daemon may be frozen at any instruction.
  return std::any_of(decision.actions.begin(), decision.actions.end(), [](const Action& action) {
    const auto* job = std::get_if<StartJob>(&action);
    return job && makes_primary(job->kind, job->as_standby);
  });
}

}  // namespace

std::optional<Instant> fenced_until(const Observation& seen, const Decision& decision) {
  if (seen.settings.pause || !may_write(seen, decision)) return std::nullopt;
  const auto& key = seen.cluster.leader;
  const bool ours = key && key->name == seen.self && key->lease == seen.lease.id && seen.lease.id != 0;
  if (ours && seen.lease.deadline) {
    // The members that let us go on do not race for a ttl: as good as a renewal.
    const bool by_failsafe = failsafe_until(seen).has_value();
    return by_failsafe ? std::max(*seen.lease.deadline, seen.failsafe.confirmed_at + seen.settings.ttl)
                       : *seen.lease.deadline;
  }
  return decision.memory.fenced_until;
}

}  // namespace tamada::core
