#include "core/fencing.h"

#include <algorithm>

#include "core/failsafe.h"

namespace tamada::core {
namespace {

bool makes_primary(const StartJob& job) {
  return job.kind == JobKind::promote || (job.kind == JobKind::start && !job.as_standby);
}

bool may_write(const Observation& seen, const Decision& decision) {
  const auto& postgres = seen.postgres;
  if (postgres.may_write()) return true;
  if (seen.job.running() && (seen.job.kind == JobKind::promote || seen.job.as_primary)) return true;
  // The fence gets its bound before the action, because the daemon may be frozen at any instruction.
  const auto* job = job_of(decision);
  return job && makes_primary(*job);
}

}  // namespace

void set_fence(const Observation& seen, Decision& decision) {
  auto& memory = decision.memory;
  if (seen.settings.pause || !may_write(seen, decision)) {
    memory.fence.until.reset();
    return;
  }
  const auto bound = [&memory](Instant until, Duration length) {
    memory.fence.until = until;
    memory.fence.length = length;
  };
  if (seen.leader_key_is_on_our_lease() && seen.lease.deadline) {
    bound(*seen.lease.deadline, std::min(seen.lease.ttl, seen.settings.ttl));
  } else if (!memory.fence.until && !memory.data.bootstrapping) {
    // When the daemon starts or a pause ends, a primary may have no leader key and no armed fence. It gets time to take
    // the key, and time to stop.
    const auto length = 2 * seen.settings.without_leader_key_for();
    bound(memory.fence.without_leader_key_since.value_or(seen.now) + length, length);
  }
  // A member that consented to failsafe mode does not race for a ttl, even if our lease has ended.
  const auto consent_until = seen.failsafe.confirmed_at + consent_length(seen);
  const bool has_consent =
      seen.settings.failsafe_mode && seen.failsafe.confirmed_at != Instant{} && consent_until > seen.now;
  if (has_consent && consent_until > memory.fence.until.value_or(seen.now)) bound(consent_until, consent_length(seen));
}

}  // namespace tamada::core
