#include "core/rules/following.h"

#include "core/rewind.h"
#include "core/slot_plan.h"

namespace tamada::core::rules {
namespace {

// A standby that has not streamed for this time asks its upstream whether their timelines have parted.
constexpr Duration not_streaming_for = 2s;

bool may_copy_again(const Observation& seen, const Memory& memory) {
  // As in Patroni, a standby cluster does not copy its data anew by itself, because its source may be far away.
  if (seen.settings.standby_cluster) return false;
  return seen.settings.remove_data_directory_on_diverged_timelines ||
         (memory.rewind.failed && seen.settings.remove_data_directory_on_rewind_failure);
}

bool can_rewind(const Observation& seen, const Memory& memory) {
  if (!seen.settings.use_pg_rewind || memory.rewind.failed || memory.rewind.done) return false;
  return !seen.postgres.control || seen.postgres.control->data_checksums || seen.postgres.control->wal_log_hints;
}

// A logical slot is copied by its state file, which PostgreSQL reads only when it starts (Patroni's documentation of
// `slots`).
std::optional<Decision> copy_slots(const Observation& seen, const Memory& memory) {
  auto slots = slots_to_copy(seen);
  const auto* leader = seen.presumed_primary_member();
  if (slots.empty() || !leader || in_backoff(seen, memory.jobs, JobKind::copy_slots)) return std::nullopt;
  std::string names;
  for (const auto& slot : slots) names += (names.empty() ? "'" : ", '") + slot.name + "'";
  Memory next = memory;
  next.restarting = Restarting{.after_job = seen.job.id};
  return say(next, "Copying logical slots [" + names + "] from the primary",
             {StartJob{.kind = JobKind::copy_slots, .upstream = upstream_to(*leader), .slots = std::move(slots)}});
}

// Checks the leader's history before a standby follows it. If both timelines have the same number but another history,
// the standby would get WAL of that other history.
std::optional<Decision> look_before_following(const Observation& seen, const Memory& memory) {
  const auto* leader = seen.presumed_primary_member();
  const Timeline mine = seen.postgres.sql->timeline;
  if (!leader || mine == 0 || seen.settings.standby_cluster) return std::nullopt;
  const auto source = upstream_to(*leader);
  if (!answer_fresh(seen, memory, source)) {
    return ask(memory, "asking " + leader->name + " for its timeline before following it", {ask_about(seen, source)});
  }
  if (!seen.upstream->reachable) {
    // PostgreSQL would follow any server that comes back at this address, without checking its history.
    const bool streams = seen.postgres.sql->replication_state == "streaming";
    const bool astray = !streams && seen.postgres.following && !seen.postgres.following->host.empty();
    if (astray) return say(memory, "following nobody until " + leader->name + " answers", {Follow{Upstream{}}});
    const auto& why = seen.upstream->error;
    auto decision = say(memory, "waiting for " + leader->name + " to answer before following it" +
                                    (why.empty() ? "" : " (" + why + ")"));
    decision.wake_at = seen.now + ask_again;
    return decision;
  }
  if (is_fork_of_same_number(*seen.upstream))
    return resolve_divergence(seen, memory, source, Divergence::same_number_fork);
  const auto& upstream = *seen.upstream;
  const bool comparable = !upstream.in_recovery || mine < upstream.timeline;
  const auto how = comparable ? divergence(seen.postgres, upstream, seen.own_timeline) : Divergence::unknown;
  if (how == Divergence::none) return std::nullopt;
  if (how != Divergence::unknown) return resolve_divergence(seen, memory, source, how);
  // A standby that only lost its primary is on the timeline from which the leader comes, so it need not wait for the
  // promotion. This does not hold if it has more WAL than the leader, because the leader then leaves our timeline
  // before our position. PostgreSQL on the leader would count that position for commits of the new timeline.
  const Timeline theirs = leader->timeline.value_or(mine);
  const bool has_been_primary = leader->timeline && mine == theirs && leader->is_primary_role();
  const bool as_far = mine == upstream.timeline && seen.postgres.sql->wal_lsn <= upstream.lsn;
  if (upstream.in_recovery && as_far && mine <= theirs && !has_been_primary) return std::nullopt;
  auto decision = say(memory, "waiting for " + leader->name + " to run as a primary before following it");
  decision.wake_at = seen.now + ask_again;
  return decision;
}

bool follows_somebody(const Observation& seen) {
  return seen.postgres.running_standby() && seen.postgres.following && !seen.postgres.following->host.empty();
}

// The server keeps its own history until an operator decides. Meanwhile it follows nobody: the upstream may come to a
// timeline of the same number as ours, of which PostgreSQL would then receive the WAL without checking its history.
Decision stay_diverged(const Observation& seen, const Memory& memory, std::string reason) {
  Actions actions;
  if (follows_somebody(seen)) actions.push_back(Follow{Upstream{}});
  return warn(memory, std::move(reason), std::move(actions));
}

// A member of a standby cluster that follows nobody has diverged from the remote server, see stay_diverged(). It waits
// for an answer of that server which shows that this is over.
std::optional<Decision> look_before_following_remote(const Observation& seen, const Memory& memory) {
  const auto source = history_source(seen);
  if (!source || !seen.settings.standby_cluster || !seen.postgres.following || follows_somebody(seen)) {
    return std::nullopt;
  }
  if (!answer_fresh(seen, memory, *source)) {
    return ask(memory, "asking " + source->member + " for its timeline before following it",
               {ask_about(seen, *source)});
  }
  const auto how = divergence(seen.postgres, *seen.upstream, seen.own_timeline);
  if (how == Divergence::diverged || how == Divergence::same_number_fork) {
    return resolve_divergence(seen, memory, *source, how);
  }
  if (seen.upstream->reachable) return std::nullopt;
  auto decision = say(memory, "waiting for " + source->member + " to answer before following it");
  decision.wake_at = seen.now + ask_again;
  return decision;
}

Decision streaming(const Observation& seen, Memory next, const std::string& quiet) {
  next.server.not_streaming_since.reset();
  next.rewind.done = false;
  next.rewind.source.clear();
  next.rewind.failed = false;
  next.data.copy_from_leader = next.data.copy_from_remote = false;
  auto copying = next.jobs.backoff.extract(JobKind::copy_slots);
  forget_failures(seen, next.server, next.jobs);
  if (copying) next.jobs.backoff.insert(std::move(copying));
  if (auto copy = copy_slots(seen, next)) return *std::move(copy);
  Actions actions;
  if (seen.postgres.superseded_data) actions.push_back(RemoveSuperseded{});
  return say(next, quiet, std::move(actions));
}

}  // namespace

void note_rewind(const Observation& seen, Memory::Jobs& jobs, Memory::Rewind& rewind) {
  if (!job_ended(seen, jobs, JobKind::rewind)) return;
  const auto source = history_source(seen);
  jobs.seen = seen.job.id;
  if (seen.job.state != JobState::succeeded) {
    note_failure(jobs, seen, JobKind::rewind);
    // The job failed before pg_rewind itself was started: the source is not ready or not reachable, or a right is
    // missing. That may pass, so it is not a failure for which the data may be replaced, unless the settings allow the
    // replacement anyway.
    rewind.failed = seen.job.step == rewind_step || seen.settings.replaces_half_rewound();
    rewind.error = seen.job.error;
    return;
  }
  rewind.done = true;
  rewind.error.clear();
  if (source) rewind.source = source->member;
}

Upstream upstream_in_emergency(const Memory& memory) {
  const auto it = memory.electorate.members.find(memory.rewind.source);
  return it != memory.electorate.members.end() ? upstream_to(it->second) : Upstream{};
}

bool answer_fresh(const Observation& seen, const Memory& memory, const Upstream& source, Duration age_max) {
  return seen.upstream && seen.upstream->member == source.member &&
         counts(seen, seen.upstream->asked_at, memory.answers.upstream_seen, age_max);
}

AskUpstream ask_about(const Observation& seen, const Upstream& source) {
  const auto& control = seen.postgres.control;
  return {.upstream = source, .ours = control ? std::max(control->timeline, control->min_recovery_timeline) : 0};
}

Decision start_following(const Observation& seen, const Memory& memory, Upstream upstream, std::string reason) {
  Memory next = memory;
  if (job_failed(seen, memory.jobs, JobKind::start)) note_failure(next.jobs, seen, JobKind::start);
  judge_end(seen, next.server, next.jobs);
  next.jobs.seen = seen.job.id;
  if (in_backoff(seen, next.jobs, JobKind::start)) {
    auto decision = warn(next, tried_again(seen, next.jobs, JobKind::start, "starting postgres"));
    decision.wake_at = next.jobs.backoff[JobKind::start].not_before;
    return decision;
  }
  // The archive may have a newer timeline that began before our last checkpoint. PostgreSQL does not start then, but
  // without a leader the other members need to know our WAL. So every second attempt stays on our own timeline.
  const auto& control = seen.postgres.control;
  const bool failed = next.jobs.backoff.contains(JobKind::start) && next.jobs.backoff[JobKind::start].failures % 2 == 1;
  if (upstream.host.empty() && control && failed) {
    upstream.target_timeline = std::max(control->timeline, control->min_recovery_timeline);
    reason += "; the last start failed, so only timeline " + std::to_string(upstream.target_timeline) + " is replayed";
  }
  return say(next, std::move(reason),
             {StartJob{.kind = JobKind::start, .upstream = std::move(upstream), .as_standby = true}});
}

Decision resolve_divergence(const Observation& seen, const Memory& memory, const Upstream& source, Divergence how) {
  const std::string diverged = "the timeline has diverged from " + source.member + "'s";
  // In pause the daemon stops no server by itself.
  if (seen.settings.pause && seen.postgres.has_postmaster()) return warn(memory, diverged);
  Memory next = memory;
  // pg_rewind ended well the last time, and the histories still differ.
  if (memory.rewind.done && seen.postgres.has_postmaster()) {
    next.rewind.done = false;
    next.rewind.failed = true;
  }
  const bool rewindable = how != Divergence::same_number_fork && can_rewind(seen, next);
  const bool stuck = !rewindable && !may_copy_again(seen, next);
  if (stuck && (seen.postgres.has_postmaster() || how == Divergence::same_number_fork)) {
    return stay_diverged(seen, memory,
                         diverged + ", and neither pg_rewind nor a fresh copy is possible; run reinit on this member");
  }
  if (seen.postgres.has_postmaster()) {
    return warn(next, "stopping PostgreSQL: its timeline has diverged from " + source.member + "'s",
                {StartJob{.kind = JobKind::stop, .stop_mode = StopMode::fast, .timeout = 30s}});
  }
  if (rewindable) {
    if (in_backoff(seen, next.jobs, JobKind::rewind)) {
      auto decision = warn(next, tried_again(seen, next.jobs, JobKind::rewind, "pg_rewind"));
      decision.wake_at = next.jobs.backoff[JobKind::rewind].not_before;
      return decision;
    }
    // Before its checkpoint the leader's control file still has the old timeline, so pg_rewind would see nothing to do.
    const auto* member = seen.cluster.member(source.member);
    if (member && member->checkpoint_pending)
      return say(memory, "waiting for the checkpoint of " + source.member + " before pg_rewind");
    next.jobs.seen = seen.job.id;
    return say(next, "running pg_rewind from " + source.member,
               {StartJob{.kind = JobKind::rewind, .upstream = source}});
  }
  if (may_copy_again(seen, next)) {
    return warn(
        memory,
        "the timeline has diverged from " + source.member + "'s: the data directory is set aside for a fresh copy",
        {SetAside{.reason = "diverged"}});
  }
  return start_following(seen, memory, source,
                         "starting as a secondary although the timeline has diverged: pg_rewind is not possible" +
                             std::string(seen.settings.use_pg_rewind ? "" : " (use_pg_rewind is off)"));
}

Decision keep_following(const Observation& seen, const Memory& memory, const std::string& quiet) {
  Memory next = memory;
  if (job_failed(seen, memory.jobs, JobKind::copy_slots)) note_failure(next.jobs, seen, JobKind::copy_slots);
  next.jobs.seen = seen.job.id;
  const auto wanted = wanted_upstream(seen);
  if (!wanted) return say(next, "waiting for the leader to publish its address");
  if (!seen.postgres.following || !same_source(*seen.postgres.following, *wanted)) {
    if (!wanted->host.empty()) {
      if (auto first = look_before_following(seen, next)) return *std::move(first);
      if (auto first = look_before_following_remote(seen, next)) return *std::move(first);
    }
    return say(next,
               wanted->host.empty() ? "following nobody, recovering from the archive" : "following " + wanted->member,
               {Follow{*wanted}});
  }
  if (!seen.postgres.configuration_is_current) return say(next, quiet, {ApplyConfiguration{}});
  const bool in_vain = !seen.settings.standby_cluster && beyond_the_fork(seen.postgres, seen.cluster);
  if (seen.postgres.sql->replication_state == "streaming" && !in_vain) return streaming(seen, std::move(next), quiet);

  if (!next.server.not_streaming_since) next.server.not_streaming_since = seen.now;
  const bool by_archive = wanted->host.empty();  // the standby is meant to get its WAL from the archive alone
  const auto source = history_source(seen);
  if (source && (in_vain || seen.now - *next.server.not_streaming_since >= not_streaming_for)) {
    if (!answer_fresh(seen, memory, *source, by_archive ? seen.settings.loop_wait : ask_again)) {
      return ask(next, "not streaming: asking " + source->member + " for its timeline", {ask_about(seen, *source)});
    }
    const auto how = divergence(seen.postgres, *seen.upstream, seen.own_timeline);
    if (!seen.upstream->in_recovery && (how == Divergence::diverged || how == Divergence::same_number_fork)) {
      return resolve_divergence(seen, next, *source, how);
    }
  }
  if (by_archive) return say(next, quiet);
  auto decision = say(next, quiet + ", not streaming yet");
  decision.wake_at = seen.now + 2s;
  return decision;
}

}  // namespace tamada::core::rules
