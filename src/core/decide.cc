#include "core/decide.h"

#include <algorithm>
#include <array>

#include "core/candidate.h"
#include "core/failsafe.h"
#include "core/fencing.h"
#include "core/pacing.h"
#include "core/presentation.h"
#include "core/problems.h"
#include "core/remember.h"
#include "core/rules/common.h"
#include "core/slot_plan.h"
#include "core/slot_readiness.h"
#include "core/slots.h"

namespace tamada::core {
namespace {

constexpr std::array table{
    Rule{"slow_stop",
         "PostgreSQL is slow to stop, and another member may be promoted from now on: begin the stop again with a time "
         "limit.",
         rules::slow_stop},
    Rule{"shut_down",
         "PostgreSQL has written its shutdown checkpoint, but its processes do not end: release the leader key if a "
         "member has all WAL.",
         rules::shut_down},
    Rule{"shutdown", "The daemon is asked to end: stop PostgreSQL, release the leader key, exit.", rules::shutdown},
    Rule{"dcs_lost",
         "The DCS does not answer: a primary becomes read-only before its lease can end, unless all members consent in "
         "failsafe mode.",
         rules::dcs_lost},
    Rule{"unknown_cluster", "The DCS has not answered since the daemon's start: wait.", rules::unknown_cluster},
    Rule{"foreign_data", "The data directory belongs to another cluster: refuse to use it, and change nothing.",
         rules::foreign_data},
    Rule{"job", "A long operation runs: wait for it, or cancel it when the reason for it no longer holds.", rules::job},
    Rule{"reinitialize", "An operator asked for a fresh copy: set the data aside.", rules::reinitialize},
    Rule{"restart",
         "An operator asked for a restart of PostgreSQL, now or at a given time: stop it. The rules for a stopped "
         "server start it again.",
         rules::restart},
    Rule{"paused", "The cluster is paused: do nothing without a request.", rules::paused},
    Rule{"bootstrap", "There is no cluster yet: one member wins the key `initialize` and creates it.",
         rules::bootstrap},
    Rule{"half_rewound",
         "pg_rewind was interrupted or failed in the middle: keep the data until an operator consents to a fresh copy.",
         rules::half_rewound},
    Rule{"create_replica", "This node has no data: copy a running cluster.", rules::create_replica},
    Rule{"hand_over", "PostgreSQL was stopped so that another member takes over: release the leader key.",
         rules::hand_over},
    Rule{"take_over_own_key",
         "The leader key has our name, but is on the lease of the daemon's previous run: move it to our lease.",
         rules::take_over_own_key},
    Rule{"unresponsive",
         "We are the leader, and PostgreSQL answers no new connection, or its disk is stuck: end it so that another "
         "member takes over.",
         rules::unresponsive},
    Rule{"switchover", "A switchover or failover is requested: check the candidates, and stop PostgreSQL cleanly.",
         rules::switchover},
    Rule{"standby_leader",
         "We are the leader of a standby cluster: follow the remote server, and keep the keys current.",
         rules::standby_leader},
    Rule{"recover", "We are the leader, and PostgreSQL is down: start it, or let another member take over.",
         rules::recover},
    Rule{"promote", "We are the leader, and PostgreSQL is a standby: promote it.", rules::promote},
    Rule{"leader", "We are the leader, and PostgreSQL is a primary: keep the keys and the slots current.",
         rules::leader},
    Rule{"race", "There is no leader: the healthiest member takes the leader key.", rules::race},
    Rule{"demote", "Another member is the leader, and PostgreSQL may take writes here: stop it at once.",
         rules::demote},
    Rule{"rejoin", "PostgreSQL is stopped and should be a standby: run pg_rewind if needed, and start it.",
         rules::rejoin},
    Rule{"replica", "Another member is the leader: follow it.", rules::replica},
};

// The instant until which a decision may wait for a DCS that is slow or does not answer.
std::optional<Instant> dcs_patience(const Observation& seen, const Decision& decision) {
  if (!seen.dcs.ok) return decision.wake_at;
  if (seen.settings.pause || !seen.postgres.may_write()) return std::nullopt;
  if (const auto until = rules::without_leader_key_until(seen, decision.memory)) return until;
  if (seen.holds_leader_key()) return seen.lease.confirmed_at + seen.settings.demote_after();
  return std::nullopt;
}

// Whether the lease is no longer renewed. The server that this node gave up does not end, so the leader key may only
// disappear when the DCS itself finds the lease over.
bool leaves_lease_to_end(const Observation& seen, const Memory& memory) {
  const auto& hand_over = memory.hand_over;
  return hand_over.under_way() && hand_over.by_lease && seen.leader_key_names_us() && seen.dcs.ok &&
         !seen.settings.pause;
}

Duration retry_interval(const Settings& settings) { return std::min<Duration>(1s, settings.retry_timeout / 4); }

constexpr Duration copy_published_every = 2s;

// Renews the lease and the member key, whichever rule decides.
Actions upkeep(const Observation& seen, Decision& decision) {
  auto& memory = decision.memory;
  auto& due = decision.wake_at;
  const auto wake_no_later = [&due](Instant at) { due = due ? std::min(*due, at) : at; };
  Actions actions;
  const auto& lease = seen.lease;
  const auto retry_at = lease.attempted_at + retry_interval(seen.settings);
  const bool may_try = lease.attempted_at == Instant{} || seen.now >= retry_at;
  const bool alive = seen.lease_alive();
  const Instant renew_at = lease.confirmed_at + seen.settings.loop_wait;
  // After a new lease the leader key hangs on the old one for a moment, which would cancel a running start or stop. So
  // the lease is not replaced during one.
  const bool busy = seen.holds_leader_key() && (seen.job.running() || memory.restarting);
  const bool ttl_changed = alive && lease.ttl != seen.settings.ttl && !busy;
  if (leaves_lease_to_end(seen, memory)) {
    wake_no_later(seen.now + 1s);
  } else if (!alive || ttl_changed) {
    if (may_try) {
      if (lease.id && !ttl_changed) {
        actions.push_back(RenewLease{});  // the lease may still live, and only the DCS knows that
      } else {
        actions.push_back(EnsureLease{});
      }
    } else {
      wake_no_later(retry_at);
    }
  } else if (seen.now >= renew_at || !seen.dcs.ok) {
    if (may_try) {
      actions.push_back(RenewLease{});
    } else {
      wake_no_later(retry_at);
    }
  } else {
    wake_no_later(renew_at);
  }
  if (!seen.dcs.ok || !alive || !seen.cluster.loaded) return actions;
  const auto record = member_record(seen, memory, decision.problems);
  const auto* published = seen.cluster.member(seen.self);
  const bool heartbeat = seen.now - memory.written.member_at >= seen.settings.loop_wait;
  const bool copy_moved =
      published && record.copy != published->copy && seen.now - memory.written.member_at >= copy_published_every;
  if (!published || published->lease != lease.id || differs_in_kind(record, *published) || copy_moved ||
      (heartbeat && differs_in_position(record, *published))) {
    memory.written.member_at = seen.now;
    actions.push_back(PublishMember{record});
  }
  return actions;
}

// Whether the action must not be delayed by a DCS that does not answer.
bool is_urgent(const Decision& decision) {
  const auto* job = job_of(decision);
  return (job && job->kind == JobKind::stop) || asks<CancelJob>(decision);
}

// Calls on_stop if this daemon stopped PostgreSQL, unless the stop is the first half of a restart. As in Patroni,
// on_stop gets the role that the server had.
void tell_stop(const Observation& seen, Decision& decision) {
  auto& memory = decision.memory;
  if (memory.callbacks.start_told && !memory.restarting && !seen.postgres.crashed && seen.job.kind == JobKind::stop) {
    const std::string role = memory.callbacks.role == "demoted" ? "primary" : memory.callbacks.role;
    decision.actions.insert(decision.actions.begin(), RunCallback{"on_stop", role});
  }
  memory.callbacks.start_told = false;
}

// Calls on_start once postgres is up, on_role_change when the role differs from the one that the callbacks know, and
// on_stop. A callback comes before all other actions, because it may move an address, which must not wait for requests
// to the DCS.
void tell_role(const Observation& seen, Decision& decision) {
  auto& memory = decision.memory;
  if (!seen.postgres.sql || seen.job.running() || memory.data.bootstrapping) {
    if (seen.postgres.process == ProcessState::stopped && !seen.job.running()) tell_stop(seen, decision);
    return;
  }
  const auto role = role_word(seen, memory);
  const bool start = !memory.callbacks.start_told;
  const bool change = !memory.callbacks.role.empty() && memory.callbacks.role != role;
  if (change || start) {
    const std::string event = change ? "on_role_change" : memory.callbacks.at_start;
    decision.actions.insert(decision.actions.begin(), RunCallback{event, role});
  }
  if (start) memory.callbacks.at_start = "on_start";
  memory.callbacks.start_told = true;
  memory.callbacks.role = role;
}

void wake_for_scheduled_restart(const Observation& seen, Decision& decision) {
  const auto& request = seen.requests.scheduled_restart;
  if (!request || !request->schedule || *request->schedule <= seen.wall || seen.settings.pause) return;
  const Instant due = seen.now + (*request->schedule - seen.wall);
  decision.wake_at = decision.wake_at ? std::min(*decision.wake_at, due) : due;
}

// Keeps the replication slots in order after a rule that leaves the server as it is, in pause too.
void tend_slots(const Observation& seen, Decision& decision) {
  // In failsafe mode the primary also keeps its slots in order while the DCS does not answer, and so do its standbys,
  // by the positions that it tells them.
  const bool leads_so = leads_by_failsafe(seen, seen.now);
  const bool told = seen.dcs.ok || leads_so || seen.follows_by_consent();
  if (!told || !seen.cluster.loaded || !seen.postgres.sql || seen.job.running() || decision.memory.data.bootstrapping) {
    return;
  }
  // The leader runs as a primary or a standby leader, every other member as a standby.
  const bool leads = leads_so || (seen.holds_leader_key() &&
                                  (seen.postgres.running_primary() || seen.settings.standby_cluster.has_value()));
  const bool follows = seen.another_is_presumed_primary() && seen.postgres.running_standby();
  if ((!leads && !follows) || job_of(decision) || asks<Follow>(decision)) return;
  if (const bool feedback = needs_feedback(seen); feedback != seen.postgres.feedback_enforced) {
    decision.actions.push_back(EnforceFeedback{feedback});
  }
  std::ranges::move(plan_slots(seen, decision.memory.slots), std::back_inserter(decision.actions));
  if (follows) prove_copied_slots(seen, decision);
}

// Writes the server's files again if the disk had no room for them; also in pause and on a standby.
void apply_again(const Observation& seen, Decision& decision) {
  if (!seen.retries.contains(attempt(ApplyConfiguration{})) || !seen.postgres.sql || seen.job.running()) return;
  if (job_of(decision) || asks<ApplyConfiguration>(decision)) return;
  decision.actions.push_back(ApplyConfiguration{});
}

// In a synchronous mode a standby always has names. A commit waits only if the server knows that there are names, which
// only its checkpointer tells, and not while it flushes files. So a standby whose first names were set just before its
// promotion could acknowledge commits that no other server has (simulation, two nodes, seed 843033030; PostgreSQL,
// SyncRepWaitForLSN and SyncRepUpdateSyncStandbysDefined in syncrep.c).
void keep_sync_names(const Observation& seen, Decision& decision) {
  if (!seen.settings.synchronous() || !seen.postgres.running_standby() || seen.job.running()) return;
  if (!seen.postgres.sql->sync_names.empty() || job_of(decision) || asks<SetSyncNames>(decision)) return;
  if (asks<AcquireLeader>(decision)) return;  // nothing may delay the race; the promotion sets names of its own
  decision.actions.push_back(SetSyncNames{std::string(strict_placeholder)});
}

// Another member took the key while this node polled the members. The log says why this node did not race, since
// operators look for that line after a failover.
void tell_lost_race(const Observation& seen, const Memory& before, Decision& decision) {
  const bool lost =
      before.leadership.unlocked_since && !seen.cluster.unlocked() && seen.cluster.leader->name != seen.self;
  if (!lost || !seen.postgres.running_standby()) return;
  if (seen.peers_asked_at < *before.leadership.unlocked_since || seen.peers_answered_at == before.race.peers_weighed)
    return;
  if (auto why = race_obstacle(seen)) decision.actions.push_back(Tell{*std::move(why)});
}

}  // namespace

std::span<const Rule> rule_table() { return table; }

Decision decide(const Observation& seen, const Memory& memory) {
  const Memory remembered = remember(seen, memory);
  for (const auto& rule : table) {
    auto answer = rule.decide(seen, remembered);
    if (!answer) continue;
    auto decision = std::move(*answer);
    decision.rule = rule.name;
    if (seen.settings.pause) decision.reason.insert(0, "PAUSE: ");  // Patroni's log has the same prefix
    decision.problems = problems(seen, decision.memory);
    decision.memory.answers.peers_seen = seen.peers_answered_at;
    decision.memory.answers.upstream_seen = seen.upstream ? seen.upstream->asked_at : Instant{};
    hold_back(seen, decision);
    set_fence(seen, decision);
    if (asks<AcquireLeader>(decision)) decision.memory.race.key_asked_at = seen.now;
    if (asks<Exit>(decision)) {
      if (seen.postgres.process == ProcessState::stopped) tell_stop(seen, decision);
      return decision;
    }
    // The answers must be used at once, without a request in between to a DCS that may not answer.
    if (asks<AskFailsafe>(decision)) return decision;
    auto actions = upkeep(seen, decision);
    // A DCS that does not answer must not delay a demotion; promotions wait for the lease to be renewed.
    decision.actions.insert(is_urgent(decision) ? decision.actions.end() : decision.actions.begin(),
                            std::make_move_iterator(actions.begin()), std::make_move_iterator(actions.end()));
    tell_role(seen, decision);
    wake_for_scheduled_restart(seen, decision);
    decision.dcs_patience_until = dcs_patience(seen, decision);
    tend_slots(seen, decision);
    apply_again(seen, decision);
    keep_sync_names(seen, decision);
    hold_back(seen, decision);
    tell_lost_race(seen, memory, decision);
    return decision;
  }
  return {.rule = "none",
          .reason = "no rule answered",
          .actions = {},
          .memory = remembered,
          .problems = problems(seen, remembered)};
}

}  // namespace tamada::core
