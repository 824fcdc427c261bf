// A primary whose process lives and which answers no new connection: its postmaster hangs, or all of it does.
#include "core/rules/common.h"
#include "core/silence.h"

namespace tamada::core::rules {

// The server is ended before the leader key is released, because a server that hangs may write again at any moment.
Answer unresponsive(const Observation& seen, const Memory& memory) {
  const auto& settings = seen.settings;
  if (!seen.holds_leader_key() || settings.standby_cluster || settings.pause) return std::nullopt;
  if (settings.primary_unresponsive != PrimaryUnresponsive::failover || !seen.postgres.may_write()) return std::nullopt;
  const auto since = silent_since(seen);
  if (!since || seen.now < *since + settings.ttl || seen.postgres.process == ProcessState::stopping) {
    return std::nullopt;
  }
  Memory next = memory;
  next.jobs.seen = seen.job.id;
  const auto why = "PostgreSQL has answered no new connection for " + seconds(seen.now - *since) + " s";
  const StartJob stop{.kind = JobKind::stop, .stop_mode = StopMode::immediate, .timeout = 2s};
  if (!failover_possible(seen)) return warn(next, "ending PostgreSQL, to start it again: " + why, {stop});
  next.hand_over.why = "failover";
  return warn(next, "ending PostgreSQL, for another to take over: " + why, {stop});
}

}  // namespace tamada::core::rules
