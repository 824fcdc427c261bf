// Another member is the leader: stop being a primary, return to the leader's timeline, and follow it.
#include "core/divergence.h"
#include "core/presentation.h"
#include "core/rules/following.h"

namespace tamada::core::rules {
namespace {

constexpr Duration wait_for_leader = 10s;     // after that a stopped server is started without asking the leader
constexpr Duration wait_for_new_leader = 5s;  // after this node gave the key away

Decision start_without_leader(const Observation& seen, const Memory& memory) {
  if (memory.race.gave_up_at && seen.now - *memory.race.gave_up_at < wait_for_new_leader) {
    auto decision = say(memory, "waiting for the new leader");
    decision.wake_at = *memory.race.gave_up_at + wait_for_new_leader;
    return decision;
  }
  Memory next = memory;
  note_rewind(seen, next.jobs, next.rewind);
  return start_following(seen, next, upstream_in_emergency(next), "starting as a secondary: there is no leader yet");
}

// The leader key is gone, and our PostgreSQL, which may be a primary, does not answer. The other members promote one of
// themselves, because they take our server for dead or because the lease has ended. But our server may answer again at
// any time, so it is ended.
Answer end_unresponsive_primary(const Observation& seen, const Memory& memory) {
  if (!seen.postgres.silent_primary()) return std::nullopt;
  const auto at = memory.leadership.unlocked_since.value_or(seen.now) + seen.settings.demote_after();
  if (seen.now < at) {
    auto decision = say(memory, "the leader key is gone and PostgreSQL does not answer, waiting for its answer");
    decision.wake_at = at;
    return decision;
  }
  Memory next = memory;
  next.jobs.seen = seen.job.id;
  next.callbacks.role = "demoted";
  return warn(next, "demoting self because the leader key is gone and PostgreSQL does not answer",
              {StartJob{.kind = JobKind::stop, .stop_mode = StopMode::immediate, .timeout = 2s}});
}

}  // namespace

bool follows_another(const Observation& seen) {
  if (!seen.postgres.running_standby() || !seen.postgres.following || seen.cluster.unlocked()) return false;
  if (seen.cluster.leader->name == seen.self) return false;
  const auto wanted = wanted_upstream(seen);
  return wanted && !same_source(*seen.postgres.following, *wanted);
}

Answer demote(const Observation& seen, const Memory& memory) {
  if (seen.cluster.unlocked()) return end_unresponsive_primary(seen, memory);
  if (seen.cluster.leader->name == seen.self) return std::nullopt;
  if (!seen.postgres.may_write()) return std::nullopt;
  Memory next = memory;
  next.jobs.seen = seen.job.id;
  next.callbacks.role = "demoted";
  return warn(next, "demoting self because I do not have the lock and I was a leader",
              {StartJob{.kind = JobKind::stop, .stop_mode = StopMode::immediate, .timeout = 2s}});
}

// PostgreSQL is stopped and should run as a standby.
Answer rejoin(const Observation& seen, const Memory& memory) {
  if (seen.postgres.process != ProcessState::stopped || seen.postgres.data_directory != DataDirectory::valid) {
    return std::nullopt;
  }
  if (seen.cluster.unlocked()) return start_without_leader(seen, memory);
  const auto wanted = wanted_upstream(seen);
  const auto source = history_source(seen);
  if (!wanted || (!source && !seen.settings.standby_cluster)) {
    return say(memory, "waiting for the leader to publish its address");
  }
  const std::string quiet = seen.holds_leader_key() ? "starting as a standby leader because i had the session lock"
                                                    : "starting as a secondary, following " + seen.cluster.leader->name;
  Memory next = memory;
  note_rewind(seen, next.jobs, next.rewind);
  if (job_failed(seen, memory.jobs, JobKind::rewind)) return warn(next, "pg_rewind failed: " + seen.job.error);
  if (next.rewind.done) return start_following(seen, next, *wanted, quiet + ", after pg_rewind");
  if (!source) return start_following(seen, next, *wanted, quiet);
  const auto since = memory.server.stopped_since.value_or(seen.now);
  if (!answer_fresh(seen, memory, *source)) {
    return ask(next, "asking " + source->member + " for its timeline", {ask_about(seen, *source)});
  }
  // The source of a standby cluster may itself be a standby, for good.
  const bool answers = seen.upstream->reachable && (!seen.upstream->in_recovery || source->remote);
  if (!answers) {
    if (seen.now - since < wait_for_leader) {
      auto decision = say(next, "waiting for " + source->member + " to run as a primary");
      decision.wake_at = seen.now + ask_again;
      return decision;
    }
    if (source->remote) return start_following(seen, next, *wanted, quiet + ", which does not answer as a primary");
    // The server is started without an upstream. When that member has told its timeline, another decision says whether
    // to follow it.
    return start_following(seen, next, Upstream{},
                           "starting as a secondary; " + source->member + " does not answer as a primary");
  }
  const auto how = divergence(seen.postgres, *seen.upstream, seen.own_timeline);
  if (how == Divergence::diverged || how == Divergence::same_number_fork)
    return resolve_divergence(seen, next, *source, how);
  return start_following(seen, next, *wanted, quiet);
}

Answer replica(const Observation& seen, const Memory& memory) {
  const std::string self = "(" + seen.self + ")";
  if (!seen.another_is_presumed_primary()) {
    return say(memory, "no action. I am " + self + ", waiting: PostgreSQL is not ready to take part in a leader race");
  }
  if (seen.postgres.shut_down()) return say(memory, "waiting: " + shutdown_waits_for(seen.postgres));
  if (!seen.postgres.running_standby()) {
    return say(memory, seen.postgres.process == ProcessState::starting ? "Still starting up as a standby."
                                                                       : "PostgreSQL does not answer");
  }
  return keep_following(seen, memory,
                        "no action. I am " + self + ", a secondary, and following a " +
                            (seen.settings.standby_cluster ? "standby leader (" : "leader (") +
                            std::string(seen.presumed_primary()) + ")");
}

}  // namespace tamada::core::rules
