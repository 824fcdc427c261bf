// Somebody else is the leader: stop being a primary, come back onto the leader's timeline, follow it.
#include "core/divergence.h"
#include "core/rules/common.h"
#include "core/slots.h"

namespace tamada::core::rules {
namespace {

constexpr Duration ask_again = 200ms;         // while a new leader is still promoting
constexpr Duration wait_for_leader = 10s;     // after that a stopped server is started as it is
constexpr Duration wait_for_new_leader = 5s;  // after giving the key away
constexpr Duration not_streaming_for = 2s;    // before we ask whether the timelines have parted

const Member* upstream_member(const Observation& seen) {
  Member self;
  self.name = seen.self;
  self.tags = seen.settings.tags;
  return seen.cluster.member(upstream_of(seen.cluster, self));
}

bool answer_fresh(const Observation& seen, const std::string& member) {
  return seen.upstream && seen.upstream->member == member && seen.now - seen.upstream->asked_at < ask_again;
}

AskUpstream ask_about(const Observation& seen, const Member& member) {
  const auto& control = seen.postgres.control;
  return {.upstream = upstream_to(member),
          .ours = control ? std::max(control->timeline, control->min_recovery_timeline) : 0};
}

bool may_copy_again(const Observation& seen, const Memory& memory) {
  return seen.settings.remove_data_directory_on_diverged_timelines ||
         (memory.rewind_failed && seen.settings.remove_data_directory_on_rewind_failure);
}

bool can_rewind(const Observation& seen, const Memory& memory) {
  if (!seen.settings.use_pg_rewind || memory.rewind_failed || memory.rewound) return false;
  return !seen.postgres.control || seen.postgres.control->data_checksums || seen.postgres.control->wal_log_hints;
}

Decision start_following(const Observation& seen, const Memory& memory, const Member* source,
                         const std::string& reason) {
  Memory next = memory;
  if (job_failed(seen, memory, JobKind::start)) note_failure(next, seen, JobKind::start);
  next.job_seen = seen.job.id;
  if (in_backoff(seen, next, JobKind::start)) {
    auto decision = warn(next, "failed to start postgres, it is tried again: " + seen.job.error);
    decision.wake_at = next.backoff[JobKind::start].not_before;
    return decision;
  }
  return say(
      next, reason,
      {StartJob{.kind = JobKind::start, .upstream = source ? upstream_to(*source) : Upstream{}, .as_standby = true}});
}

// The local WAL has parted from the leader's.
Decision mend(const Observation& seen, const Memory& memory, const Member& leader, Divergence how) {
  // Nothing that stops a server happens by itself in pause.
  if (seen.settings.pause && seen.postgres.has_postmaster())
    return warn(memory, "PAUSE: the timeline has diverged from " + leader.name + "'s");
  Memory next = memory;
  if (memory.rewound && seen.postgres.has_postmaster()) {  // it did not help
    next.rewound = false;
    next.rewind_failed = true;
  }
  const bool rewindable = how != Divergence::twin && can_rewind(seen, next);
  const bool stuck = !rewindable && !may_copy_again(seen, next);
  if (stuck && (seen.postgres.has_postmaster() || how == Divergence::twin)) {
    return warn(memory, "the timeline has diverged from " + leader.name +
                            "'s, and neither pg_rewind nor a fresh copy is possible; run reinit on this member");
  }
  if (seen.postgres.has_postmaster()) {
    return warn(next, "stopping PostgreSQL: its timeline has diverged from " + leader.name + "'s",
                {StartJob{.kind = JobKind::stop, .stop_mode = StopMode::fast, .timeout = 30s}});
  }
  if (rewindable) {
    // Before its checkpoint the leader's control file still bears the old timeline: pg_rewind would see nothing to do.
    if (leader.checkpoint_pending)
      return say(memory, "waiting for the checkpoint of " + leader.name + " before pg_rewind");
    next.job_seen = seen.job.id;
    return say(next, "running pg_rewind from " + leader.name,
               {StartJob{.kind = JobKind::rewind, .upstream = upstream_to(leader)}});
  }
  if (may_copy_again(seen, next)) {
    return warn(
        memory,
        "the timeline has diverged from " + leader.name + "'s: the data directory is set aside for a fresh copy",
        {SetAside{.reason = "diverged"}});
  }
  return start_following(seen, memory, &leader,
                         "starting as a secondary although the timeline has diverged: pg_rewind is not possible" +
                             std::string(seen.settings.use_pg_rewind ? "" : " (use_pg_rewind is off)"));
}

// A standby whose timeline is not of the leader's past would be fed WAL of another history if the numbers are the same.
std::optional<Decision> look_before_following(const Observation& seen, const Memory& memory) {
  const auto* leader = seen.cluster.leader_member();
  const Timeline mine = seen.postgres.sql->timeline;
  if (!leader || mine <= 1) return std::nullopt;
  if (!answer_fresh(seen, leader->name)) {
    return ask(memory, "asking " + leader->name + " for its timeline before following it", {ask_about(seen, *leader)});
  }
  if (seen.upstream->same_beginning && !*seen.upstream->same_beginning) {
    return mend(seen, memory, *leader, Divergence::twin);
  }
  // Who simply lost its primary has the timeline that the leader had, too, and need not wait for the promotion.
  const Timeline theirs = leader->timeline.value_or(mine);
  const bool suspect = mine > theirs || (leader->timeline && mine == theirs && leader->is_primary_role());
  if (!suspect) return std::nullopt;
  const auto how =
      seen.upstream->in_recovery ? Divergence::unknown : divergence(seen.postgres, *seen.upstream, seen.own_timeline);
  if (how == Divergence::none) return std::nullopt;
  if (how != Divergence::unknown) return mend(seen, memory, *leader, how);
  auto decision = say(memory, "waiting for " + leader->name + " to run as a primary before following it");
  decision.wake_at = seen.now + ask_again;
  return decision;
}

}  // namespace

bool follows_another(const Observation& seen) {
  if (!seen.postgres.running_standby() || !seen.postgres.following || seen.cluster.unlocked()) return false;
  if (seen.cluster.leader->name == seen.self) return false;
  const auto* source = upstream_member(seen);
  if (!source || source->conn_url.empty()) return false;
  return seen.postgres.following->host != source->host || seen.postgres.following->port != source->port;
}

namespace {

// The key is gone, and our postgres, which may be a primary, does not answer: others, who take it for dead or wait for
// the end of the lease, promote one of theirs. It may answer again any time.
Answer end_mute_primary(const Observation& seen, const Memory& memory) {
  if (!seen.postgres.has_postmaster() || seen.postgres.sql || seen.postgres.standby_signal) return std::nullopt;
  const auto at = memory.unlocked_since.value_or(seen.now) + seen.settings.demote_after();
  if (seen.now < at) {
    auto decision = say(memory, "the leader key is gone and PostgreSQL does not answer, waiting for it");
    decision.wake_at = at;
    return decision;
  }
  Memory next = memory;
  next.job_seen = seen.job.id;
  next.role_told = "demoted";
  return warn(next, "demoting self because the leader key is gone and PostgreSQL does not answer",
              {StartJob{.kind = JobKind::stop, .stop_mode = StopMode::immediate, .timeout = 2s}});
}

}  // namespace

Answer demote(const Observation& seen, const Memory& memory) {
  if (seen.cluster.unlocked()) return end_mute_primary(seen, memory);
  if (seen.cluster.leader->name == seen.self) return std::nullopt;
  const bool may_write = seen.postgres.running_primary() ||
                         (seen.postgres.has_postmaster() && !seen.postgres.sql && !seen.postgres.standby_signal);
  if (!may_write) return std::nullopt;
  Memory next = memory;
  next.job_seen = seen.job.id;
  next.role_told = "demoted";
  return warn(next, "demoting self because I do not have the lock and I was a leader",
              {StartJob{.kind = JobKind::stop, .stop_mode = StopMode::immediate, .timeout = 2s}});
}

// Stopped, and it should run as a standby.
Answer rejoin(const Observation& seen, const Memory& memory) {
  if (seen.postgres.process != ProcessState::stopped || seen.postgres.data_directory != DataDirectory::valid) {
    return std::nullopt;
  }
  if (seen.cluster.unlocked()) {
    if (memory.gave_up_at && seen.now - *memory.gave_up_at < wait_for_new_leader) {
      auto decision = say(memory, "waiting for the new leader");
      decision.wake_at = *memory.gave_up_at + wait_for_new_leader;
      return decision;
    }
    return start_following(seen, memory, nullptr, "starting as a secondary: there is no leader yet");
  }
  const auto* leader = seen.cluster.leader_member();
  if (!leader || leader->conn_url.empty()) return say(memory, "waiting for the leader to publish its address");
  Memory next = memory;
  if (job_ended(seen, memory, JobKind::rewind)) {
    next.job_seen = seen.job.id;
    if (seen.job.state == JobState::succeeded) {
      next.rewound = true;
    } else {
      next.rewind_failed = true;
      return warn(next, "pg_rewind failed: " + seen.job.error);
    }
  }
  if (next.rewound)
    return start_following(seen, next, upstream_member(seen), "starting after pg_rewind, following " + leader->name);
  const auto since = memory.stopped_since.value_or(seen.now);
  if (!answer_fresh(seen, leader->name)) {
    return ask(next, "asking " + leader->name + " for its timeline", {ask_about(seen, *leader)});
  }
  if (!seen.upstream->reachable || seen.upstream->in_recovery) {
    if (seen.now - since < wait_for_leader) {
      auto decision = say(next, "waiting for " + leader->name + " to run as a primary");
      decision.wake_at = seen.now + ask_again;
      return decision;
    }
    // Whom to follow is decided once it has told its timeline.
    return start_following(seen, next, nullptr,
                           "starting as a secondary; " + leader->name + " does not answer as a primary");
  }
  const auto how = divergence(seen.postgres, *seen.upstream, seen.own_timeline);
  if (how == Divergence::diverged || how == Divergence::twin) return mend(seen, next, *leader, how);
  return start_following(seen, next, upstream_member(seen), "starting as a secondary, following " + leader->name);
}

Answer replica(const Observation& seen, const Memory& memory) {
  const std::string self = "(" + seen.self + ")";
  if (seen.cluster.unlocked() || seen.cluster.leader->name == seen.self) {
    return say(memory, "no action. I am " + self + ", waiting: PostgreSQL is not ready to take part");
  }
  if (!seen.postgres.running_standby()) {
    return say(memory, seen.postgres.process == ProcessState::starting ? "Still starting up as a standby."
                                                                       : "PostgreSQL does not answer");
  }
  Memory next = memory;
  next.job_seen = seen.job.id;
  const auto* source = upstream_member(seen);
  if (!source || source->conn_url.empty()) return say(next, "waiting for the leader to publish its address");
  const auto wanted = upstream_to(*source);
  const bool follows = seen.postgres.following && seen.postgres.following->host == wanted.host &&
                       seen.postgres.following->port == wanted.port;
  if (!follows) {
    if (auto first = look_before_following(seen, next)) return *std::move(first);
    return say(next, "following " + source->name, {Follow{wanted}});
  }
  if (seen.postgres.sql->replication_state == "streaming") {
    next.not_streaming_since.reset();
    next.rewound = false;
    next.rewind_failed = false;
    next.copy_from_leader = false;
    next.backoff.clear();
    auto slots = plan_slots(seen, next);
    next = slots.memory;
    if (seen.postgres.superseded_data) slots.actions.push_back(RemoveSuperseded{});
    return say(next,
               "no action. I am " + self + ", a secondary, and following a leader (" + seen.cluster.leader->name + ")",
               std::move(slots.actions));
  }
  if (!next.not_streaming_since) next.not_streaming_since = seen.now;
  const auto* leader = seen.cluster.leader_member();
  if (leader && seen.now - *next.not_streaming_since >= not_streaming_for) {
    if (!answer_fresh(seen, leader->name)) {
      return ask(next, "not streaming: asking " + leader->name + " for its timeline", {ask_about(seen, *leader)});
    }
    const auto how = divergence(seen.postgres, *seen.upstream, seen.own_timeline);
    if (!seen.upstream->in_recovery && (how == Divergence::diverged || how == Divergence::twin)) {
      return mend(seen, next, *leader, how);
    }
  }
  auto decision = say(next, "no action. I am " + self + ", a secondary, and following a leader (" +
                                seen.cluster.leader->name + "), not streaming yet");
  decision.wake_at = seen.now + 2s;
  return decision;
}

}  // namespace tamada::core::rules
