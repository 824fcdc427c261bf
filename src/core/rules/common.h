// Functions that several rules use.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>

#include "core/rules/rules.h"
#include "core/sync.h"
#include "core/upstream.h"

namespace tamada::core::rules {

inline Decision say(const Memory& memory, std::string reason, Actions actions = {}) {
  Decision decision;
  decision.reason = std::move(reason);
  decision.actions = std::move(actions);
  decision.memory = memory;
  return decision;
}

inline Decision warn(const Memory& memory, std::string reason, Actions actions = {}) {
  auto decision = say(memory, std::move(reason), std::move(actions));
  decision.severity = Severity::warning;
  return decision;
}

// A decision that only asks for facts; it is logged at level debug.
inline Decision ask(const Memory& memory, std::string reason, Actions actions) {
  auto decision = say(memory, std::move(reason), std::move(actions));
  decision.severity = Severity::debug;
  return decision;
}

// The outcome of the last job, if it is of this kind and no decision has used it yet.
inline bool job_ended(const Observation& seen, const Memory::Jobs& jobs, JobKind kind) {
  return seen.job.kind == kind && seen.job.id > jobs.seen && !seen.job.running();
}
inline bool job_failed(const Observation& seen, const Memory::Jobs& jobs, JobKind kind) {
  return job_ended(seen, jobs, kind) && seen.job.state == JobState::failed;
}

inline bool in_backoff(const Observation& seen, const Memory::Jobs& jobs, JobKind kind) {
  const auto it = jobs.backoff.find(kind);
  return it != jobs.backoff.end() && it->second.failures > 0 && seen.now < it->second.not_before;
}

inline void note_failure(Memory::Jobs& jobs, const Observation& seen, JobKind kind) {
  core::note_failure(jobs.backoff[kind], seen.now, seen.job.error);
}

inline constexpr Duration ends_soon = 60s;  // a server that ends within this time after its start counts as failed

// Judges the end of a server that came up and crashed soon after, because it lacks memory or disk, cannot replay a
// record, or has a faulty extension. From the second such end in a row on it counts as a failed start, and from the
// third on there is a pause before the next start. The first two are not delayed, because two ends in a minute may be
// two accidents, and each second without a primary counts.
inline void judge_end(const Observation& seen, Memory::Server& server, Memory::Jobs& jobs) {
  // A server that did not come up has been judged by its failed start. The one that came up before was stopped.
  if (seen.job.kind == JobKind::start && seen.job.id > server.last_up) server.up_since.reset();
  if (!seen.postgres.crashed || !server.up_since) return;
  if (seen.now - *server.up_since >= ends_soon) {
    jobs.backoff.erase(JobKind::start);
  } else if (const auto [it, first] = jobs.backoff.try_emplace(JobKind::start); !first) {
    core::note_failure(it->second, seen.now, std::string(ended_soon_after_start));
    if (it->second.failures == 1) it->second.not_before = seen.now;
  }
  server.up_since.reset();
}
// Forgets failed jobs. Failed starts are forgotten only when postgres has run for longer than `ends_soon`.
inline void forget_failures(const Observation& seen, const Memory::Server& server, Memory::Jobs& jobs) {
  const bool settled = !server.up_since || seen.now - *server.up_since >= ends_soon;
  std::erase_if(jobs.backoff, [&](const auto& one) { return settled || one.first != JobKind::start; });
}

// "the copy failed 3 times, it is tried again in 4 s: ..."
inline std::string tried_again(const Observation& seen, const Memory::Jobs& jobs, JobKind kind,
                               const std::string& what) {
  const auto it = jobs.backoff.find(kind);
  const int failures = it == jobs.backoff.end() ? 0 : it->second.failures;
  return what + (failures > 1 ? " failed " + std::to_string(failures) + " times" : " failed") +
         ", it is tried again: " + (it == jobs.backoff.end() ? seen.job.error : it->second.error);
}

// A primary that runs outside pause without a leader key on our lease. Another member may be promoted at any time, and
// etcd may be too slow to tell us. Returns the instant until which this node tries to take the key; nullopt when it has
// the key, or is no primary.
inline std::optional<Instant> without_leader_key_until(const Observation& seen, const Memory& memory) {
  if (!memory.fence.without_leader_key_since) return std::nullopt;
  // This time is meant for taking the key. If the DCS told that there is no key and then stopped answering, the primary
  // gets no time.
  const bool dcs_fails = !seen.dcs.ok && seen.dcs.failing_since != Instant{};
  if (dcs_fails && seen.cluster.loaded && seen.cluster.unlocked()) return memory.fence.without_leader_key_since;
  return *memory.fence.without_leader_key_since + seen.settings.without_leader_key_for();
}
inline std::optional<Decision> stop_primary_without_key(const Observation& seen, const Memory& memory) {
  const auto until = without_leader_key_until(seen, memory);
  if (!until || seen.now < *until) return std::nullopt;
  return warn(
      memory, "demoting self because the leader key could not be taken in time",
      {StartJob{
          .kind = JobKind::stop, .stop_mode = StopMode::fast, .timeout = seen.settings.without_leader_key_for()}});
}

// The instant at which the stop of PostgreSQL has to begin, so that it has ended before the fence would kill it.
inline std::optional<Instant> stop_before_fence(const Observation& seen, const Memory& memory) {
  if (!memory.fence.until) return std::nullopt;
  const auto length = memory.fence.length != Duration{} ? memory.fence.length : seen.settings.ttl;
  return *memory.fence.until - std::min(seen.settings.retry_timeout, length / 3);
}

// From this instant on a primary that has not renewed its lease must be read-only, whatever the DCS says. It is never
// later than the bound that the fence was told, even if the lease or the configuration has changed since.
inline Instant demote_at(const Observation& seen, const Memory& memory) {
  // Without a leader key the lease does not prevent the promotion of another member.
  if (const auto until = without_leader_key_until(seen, memory)) return *until;
  const auto latest = stop_before_fence(seen, memory).value_or(Instant::max());
  // A key from before our restart hangs on the previous run's lease, and only the DCS knows when that ends. If no fence
  // has told its end, the time counts from the start of this daemon, however often the DCS answers in between.
  const bool key_on_our_lease =
      seen.cluster.loaded && (!seen.cluster.leader || seen.cluster.leader->lease == seen.lease.id);
  if (seen.lease.deadline && key_on_our_lease) {
    return std::min({seen.lease.confirmed_at + seen.settings.demote_after(), *seen.lease.deadline, latest});
  }
  const auto since = memory.fence.until ? seen.dcs.failing_since : std::min(seen.dcs.failing_since, memory.born);
  return std::min(since + seen.settings.retry_timeout, latest);
}

// The instant by which a stop has to be complete: the fence's bound, usually the end of the lease. After it nothing may
// write.
inline Instant stopped_by(const Observation& seen, const Memory& memory) {
  const auto end = memory.fence.until ? memory.fence.until : seen.lease.deadline;
  return std::max(end.value_or(seen.now), seen.now + 1s);
}

// Where the WAL of a stopped primary ends; the next primary should have all of it. nullopt after a crash, because WAL
// was written after the last checkpoint.
inline std::optional<Lsn> stopped_cleanly_at(const Observation& seen) {
  const auto& control = seen.postgres.control;
  const bool cleanly = seen.postgres.shut_down() || (seen.postgres.process == ProcessState::stopped && control &&
                                                     control->state == ControlState::shut_down);
  return cleanly ? std::optional(control->checkpoint) : std::nullopt;
}

// How late a scheduled operation may begin. After that, nobody expects it any more. This is Patroni's limit, with a
// minimum for clusters with fast heartbeats.
inline Duration lateness_allowed(const Settings& settings) {
  return std::max<Duration>(settings.loop_wait * 3 / 2, std::chrono::seconds(15));
}

inline std::string seconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

// How old an answer may be when a decision uses it. The first decision after an answer may use an older one, because
// reading the state of a busy server takes time, but not one from before a freeze of the machine.
inline constexpr Duration first_sight_within = 4s;
inline bool counts(const Observation& seen, Instant answered_at, Instant last_seen, Duration fresh_for) {
  const auto age = seen.now - answered_at;
  return answered_at != Instant{} &&
         age < (answered_at > last_seen ? std::max(first_sight_within, fresh_for) : fresh_for);
}

// The members' answers count if the poll began after the leader was gone and has ended just now.
inline constexpr Duration peers_fresh_for = 400ms;
inline constexpr Duration race_retry = 500ms;

inline bool peers_fresh(const Observation& seen, const Memory& memory, std::optional<Instant> asked_after) {
  return counts(seen, seen.peers_answered_at, memory.answers.peers_seen, peers_fresh_for) &&
         (!asked_after || seen.peers_asked_at >= *asked_after);
}

// Whether a CHECKPOINT may come before the stop, so that the stop itself is short. The server takes writes meanwhile,
// so without the leader key it may do so beside a new leader.
inline bool may_checkpoint_first(const Observation& seen) {
  return seen.postgres.running_primary() && (seen.holds_leader_key() || seen.settings.pause);
}

// All members that this node knows of, even if their keys are gone.
inline std::vector<Member> everybody_else(const Observation& seen, const Memory& memory) {
  std::vector<Member> members;
  for (const auto& [member_name, member] : memory.electorate.members) {
    if (member_name != seen.self && !member.api_url.empty()) members.push_back(member);
  }
  if (!seen.settings.failsafe_mode || !seen.cluster.failsafe) return members;
  for (const auto& [member_name, api_url] : *seen.cluster.failsafe) {
    if (member_name == seen.self || memory.electorate.members.contains(member_name)) continue;
    Member member;
    member.name = member_name;
    member.api_url = api_url;
    members.push_back(std::move(member));
  }
  return members;
}

// The timeline of this primary, running or cleanly stopped, if the key `history` lacks it; 0 when the key has it, or
// when this is no primary. A primary of timeline 1 can lead again after another member was promoted in between.
inline Timeline history_missing(const Observation& seen) {
  Timeline ours = stopped_cleanly_at(seen) ? seen.postgres.control->timeline : 0;
  if (seen.postgres.running_primary()) ours = seen.postgres.sql->timeline;
  return seen.cluster.last_timeline() != ours ? ours : 0;
}

// Gives the leader key up, and writes our last position together with its timeline, because a position alone means
// nothing.
inline Actions release_after_stop(const Observation& seen) {
  Actions actions;
  if (const Timeline ours = history_missing(seen)) actions.push_back(WriteHistory{ours});
  actions.push_back(ReleaseLeader{stopped_cleanly_at(seen)});
  return actions;
}

// Keeps the leader's keys initialize, config and status current; each is written only when it differs.
Actions keep_keys(const Observation& seen, Memory& memory);

inline bool failover_possible(const Observation& seen) {
  for (const auto& [member_name, member] : seen.cluster.members) {
    if (sync_active(seen) && !is_sync_standby(seen.cluster, member_name)) continue;
    if (member_name != seen.self && member.tags.may_be_promoted() && member.running()) return true;
  }
  return false;
}

}  // namespace tamada::core::rules
