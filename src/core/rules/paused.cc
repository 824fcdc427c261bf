// Pause: the daemon does nothing by itself. The leader keeps its key while its postgres is a primary, and gives the key
// up when it is not. A primary takes the key if there is no leader; a switchover with a named candidate works. Source:
// Patroni's documentation, "Pause/Resume mode".
#include "core/presentation.h"
#include "core/rules/common.h"

namespace tamada::core::rules {

Answer paused(const Observation& seen, const Memory& memory) {
  if (!seen.settings.pause || seen.job.running() || memory.hand_over.under_way()) return std::nullopt;
  if (memory.restarting && seen.postgres.process == ProcessState::stopped) return std::nullopt;
  if (seen.postgres.data_directory == DataDirectory::half_rewound)
    return say(memory, core::half_rewound(seen.postgres));
  if (seen.postgres.data_directory != DataDirectory::valid) return say(memory, "running with empty data directory");
  const bool named_leader = seen.leader_key_names_us();
  if (seen.postgres.running_primary()) {
    if (named_leader || seen.cluster.unlocked()) return std::nullopt;  // the rules of the leader and of the race decide
    return warn(memory, "continue to run as primary without lock");
  }
  const bool chosen = seen.cluster.failover && seen.cluster.failover->candidate == seen.self;
  if (chosen && (seen.cluster.unlocked() || seen.holds_leader_key()) && seen.postgres.running_standby())
    return std::nullopt;
  const bool leads_standby_cluster = seen.settings.standby_cluster && seen.postgres.running_standby();
  if (seen.holds_leader_key() && leads_standby_cluster) return std::nullopt;
  if (seen.holds_leader_key() && seen.postgres.silent_primary())
    return warn(memory, "PostgreSQL does not answer; the leader key stays ours");
  if (seen.holds_leader_key())
    return warn(memory, "removed leader lock because postgres is not running as primary", release_after_stop(seen));
  // After a switchover in pause the old primary still has to come back as a standby.
  if (memory.callbacks.role == "demoted" && seen.postgres.process == ProcessState::stopped) return std::nullopt;
  if (seen.postgres.process == ProcessState::stopped) return say(memory, "postgres is not running");
  // Somebody promoted another member by hand, and it has taken the key: the standbys of the old leader follow the new
  // one.
  if (follows_another(seen)) return std::nullopt;
  return say(memory, "no action. I am (" + seen.self + ")");
}

}  // namespace tamada::core::rules
