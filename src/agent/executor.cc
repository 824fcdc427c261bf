#include "agent/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <ranges>
#include <set>

#include "core/history.h"
#include "core/pacing.h"
#include "net/log.h"
#include "wire/keys.h"

namespace tamada::agent {

using namespace std::chrono_literals;

namespace {
constexpr auto peer_timeout = 2s;  // Patroni's limit for the same question
constexpr auto departed_timeout = 500ms;
// A server that accepts connections and answers slowly gets more time at each attempt, or a standby would never follow
// it. The limit is half a ttl at most, because no decision is made meanwhile.
constexpr auto upstream_timeout = 2s, upstream_timeout_max = 8s;
constexpr auto forgotten_after = 30s;  // an action that has not been tried again by then is no longer wanted
}  // namespace

Executor::Executor(Tools tools) : t_(std::move(tools)) {}

bool Executor::went_well(const std::string& what, const core::Result<void>& result) {
  auto& retries = t_.notes.retries;
  if (result) {
    retries.erase(what);
    return true;
  }
  auto& retry = retries[what];
  core::note_failure(retry, t_.clock.now(), result.error().what);
  if (retry.failures == 1) log::error("{} failed, it is tried again: {}", what, retry.error);
  return false;
}

bool Executor::is_news(const std::string& about, const std::string& text) {
  auto& told = told_[about];
  const auto now = t_.clock.now();
  if (told.at != core::Instant{} && told.text == text && now - told.at < t_.configuration.settings().loop_wait) {
    return false;
  }
  told = {.text = text, .at = now};
  return true;
}

awaitable<void> Executor::perform(core::Actions actions) {
  const auto now = t_.clock.now();
  std::erase_if(t_.notes.retries, [now](const auto& one) {
    return now - one.second.not_before > forgotten_after + core::retry_pause(one.second.failures);
  });
  for (auto& action : actions) {
    log::debug("{}", core::name(action));
    co_await std::visit([this](auto& one) { return act(std::move(one)); }, action);
  }
}

bool Executor::lease_in_force() const {
  const auto lease = t_.store.lease();
  const auto& leader = t_.store.view().leader;
  return lease.id && lease.deadline && t_.clock.now() < *lease.deadline && leader &&
         leader->name == t_.configuration.local().name && leader->lease == lease.id;
}

// ---- the DCS

awaitable<void> Executor::act(core::EnsureLease) { co_await t_.store.ensure_lease(); }
awaitable<void> Executor::act(core::RenewLease) { co_await t_.store.renew_lease(); }
awaitable<void> Executor::act(core::AcquireLeader acquire) { co_await t_.store.acquire_leader(acquire); }
awaitable<void> Executor::act(core::ReleaseLeader release) { co_await t_.store.release_leader(release.optime); }
awaitable<void> Executor::act(core::RevokeLease) { co_await t_.store.revoke_lease(); }
awaitable<void> Executor::act(core::PublishMember publish) {
  co_await t_.store.publish_member(std::move(publish.record));
}
awaitable<void> Executor::act(core::RaceInitialize) { co_await t_.store.race_initialize(); }
awaitable<void> Executor::act(core::CancelInitialize) { co_await t_.store.cancel_initialize(); }
awaitable<void> Executor::act(core::WriteInitialize write) {
  co_await t_.store.write_initialize(std::move(write.system_identifier));
}

awaitable<void> Executor::act(core::WriteConfig) {
  // Another member may have written the key since the decision, and our copy is older.
  if (t_.store.view().config_json) co_return;
  // The write compares the key's own revision, and not the leader key, because at the end of a bootstrap there is no
  // leader key yet.
  const auto revision = t_.store.view().config_revision;
  co_await t_.store.write_compared("config", t_.configuration.dynamic_json(), revision);
}

awaitable<void> Executor::act(core::WriteStatus write) { co_await t_.store.write_status(std::move(write.status)); }

awaitable<void> Executor::act(core::WriteHistory write) {
  const auto file = co_await t_.postgres.timeline_history(write.timeline);
  if (!file) {
    // A server that was restored without the history file never has that file. The daemon looks for it again each
    // loop_wait.
    log::debug("could not read the history of timeline {}: {}", write.timeline, file.error().what);
    co_return;
  }
  const auto known = t_.store.view().history.value_or(std::vector<core::HistoryLine>{});
  const auto lines = core::merge_history(*file, known, wire::format_iso(t_.clock.wall()), t_.configuration.local().name,
                                         t_.configuration.settings().max_timelines_history);
  co_await t_.store.write_as_leader("history", wire::history_json(lines));
}

awaitable<void> Executor::act(core::WriteSync write) {
  const auto written = co_await t_.store.write_sync(std::move(write.state));
  if (written && !*written) log::info("Synchronous replication key updated by someone else.");
}

awaitable<void> Executor::act(core::DeleteSync drop) { co_await t_.store.delete_sync(drop.expected); }

awaitable<void> Executor::act(core::WriteFailsafe write) {
  co_await t_.store.write_as_leader("failsafe", wire::failsafe_json(write.members));
}

awaitable<void> Executor::act(core::ClearFailover clear) {
  co_await t_.store.delete_compared("failover", clear.revision);
}

// ---- asking others

awaitable<void> Executor::act(core::PollPeers poll) {
  const auto asked_at = t_.clock.now();
  const auto asked_by = t_.store.view().leader_marks();
  // A departed member has no member key, so it cannot win the race. Its answer only shows that it is alive, so it gets
  // less time.
  std::vector<core::Member> present, departed;
  for (auto& member : poll.members) {
    (t_.store.view().member(member.name) ? present : departed).push_back(std::move(member));
  }
  bool hurried = false;
  const auto within = [&](core::Duration usual) {
    const auto left = poll.until ? std::max(*poll.until - t_.clock.now(), core::Duration::zero()) : usual;
    hurried = hurried || left < usual;
    return std::min(left, usual);
  };
  auto answers = co_await t_.peers.poll(std::move(present), within(peer_timeout));
  answers.merge(co_await t_.peers.poll(std::move(departed), within(departed_timeout)));
  const auto silent = [](const auto& answer) { return !answer.second.reachable; };
  // A member that had no time to answer is not known to be dead.
  if (hurried && std::ranges::any_of(answers, silent)) co_return;
  for (auto& [name, peer] : answers) {
    const std::string state = !peer.running ? "not running" : peer.in_recovery ? "standby" : "primary";
    const auto text =
        fmt::format("{} answers: {}, timeline {}, {}", name, state, peer.timeline, core::format_lsn(peer.lsn));
    if (!is_news(name, peer.reachable ? text : "")) continue;
    if (peer.reachable) {
      log::info("{}", text);
    } else {
      log::warning("{} does not answer", name);
    }
  }
  t_.notes.peers = std::move(answers);
  t_.notes.peers_asked_at = asked_at;
  t_.notes.peers_asked_by = asked_by;
  t_.notes.peers_answered_at = t_.clock.now();
}

awaitable<void> Executor::act(core::AskFailsafe ask) {
  const auto asked_at = t_.clock.now();
  const auto ttl = ask.leader.ttl;
  const auto answers = co_await t_.peers.failsafe(std::move(ask.members), std::move(ask.leader),
                                                  t_.configuration.settings().failsafe_patience());
  auto& view = t_.notes.failsafe;
  view.asked_at = asked_at;
  view.refused = false;
  view.trouble.clear();
  view.positions.clear();
  for (const auto& [name, answer] : answers) {
    if (answer.accepted) {
      if (answer.lsn) view.positions[name] = *answer.lsn;
      continue;
    }
    view.refused = view.refused || answer.reachable;
    view.trouble += (view.trouble.empty() ? "" : ", ") + name;
    const auto text = answer.reachable ? "does not agree: " + answer.text : "no answer";
    if (is_news("failsafe " + name, text)) log::warning("failsafe mode: {}: {}", name, text);
  }
  if (!view.trouble.empty()) co_return;
  view.confirmed_at = asked_at;
  view.confirmed_for = ttl;
}

awaitable<void> Executor::act(core::AskUpstream ask) {
  const auto& own = t_.configuration.local().postgresql;
  core::Upstream self;
  self.host = own.connect_host;
  self.port = own.connect_port;
  t_.notes.own_timeline = co_await t_.postgres.ask(std::move(self), upstream_timeout);
  const bool slow_before = slow_upstream_ && slow_upstream_->member == ask.upstream.member;
  const core::Duration timeout = slow_before ? slow_upstream_->timeout : upstream_timeout;
  auto upstream = ask.upstream;
  t_.notes.upstream = co_await t_.postgres.ask(std::move(upstream), timeout);
  const auto longest =
      std::clamp<core::Duration>(t_.configuration.settings().ttl / 2, upstream_timeout, upstream_timeout_max);
  slow_upstream_.reset();
  if (t_.notes.upstream->slow) slow_upstream_ = {ask.upstream.member, std::min<core::Duration>(2 * timeout, longest)};
  t_.notes.upstream->member = ask.upstream.member;
  if (auto file = co_await t_.postgres.timeline_history(t_.notes.upstream->timeline)) {
    t_.notes.upstream->our_history = std::move(*file);
  }
  auto& answer = *t_.notes.upstream;
  answer.our_newest = co_await t_.postgres.newest_history();
  const auto ours = t_.notes.own_timeline->reachable ? t_.notes.own_timeline->timeline : ask.ours;
  answer.our_timeline = ours;
  if (ours < answer.timeline) {  // otherwise our_history already covers our timeline
    if (auto file = co_await t_.postgres.timeline_history(ours)) answer.our_past = std::move(*file);
  }
  // After a crash, the control file may not name the last timeline that the server received (simulation, three nodes,
  // seed 77004242: it named 1, and the server had a little WAL of another timeline 2 than the upstream's).
  if (ours < answer.our_newest && answer.our_newest < answer.timeline) {
    auto file = co_await t_.postgres.timeline_history(answer.our_newest);
    if (file && std::ranges::find(*file, ours, &core::HistoryLine::timeline) != file->end()) {
      answer.our_timeline = answer.our_newest;
      answer.our_past = std::move(*file);
    }
  }
  for (const auto timeline : std::set{ours, std::max(ours, answer.our_newest)} | std::views::reverse) {
    const auto from = core::beginning_of(timeline, answer.history, answer.timeline);
    if (!from || !answer.reachable || answer.same_beginning) continue;
    auto other = ask.upstream;
    answer.same_beginning = co_await t_.postgres.same_beginning(std::move(other), timeline, *from, upstream_timeout);
  }
  t_.notes.upstream->asked_at = t_.clock.now();
}

// ---- the local server

awaitable<void> Executor::act(core::StartJob job) {
  if (t_.jobs.view().running()) co_return;
  const bool as_primary = job.kind == core::JobKind::promote || (job.kind == core::JobKind::start && !job.as_standby);
  if (as_primary && !lease_in_force() && !t_.configuration.settings().pause) {
    log::error("{} refused: the lease is not in force any more", core::name(job.kind));
    co_return;
  }
  if (const auto fence = t_.fence.view(); as_primary && !fence.usable) {
    log::error("{} refused: {}", core::name(job.kind), fence.trouble);
    co_return;
  }
  t_.jobs.start(std::move(job));
}

awaitable<void> Executor::act(core::CancelJob) {
  t_.jobs.cancel();
  co_return;
}

awaitable<void> Executor::act(core::Follow follow) {
  went_well(core::attempt(follow), co_await t_.postgres.follow(follow.upstream));
}

awaitable<void> Executor::change_slots(awaitable<core::Result<void>> work) {
  t_.notes.slots_busy = true;
  const auto done = [this](std::exception_ptr thrown, core::Result<void> result) {
    went_well("keeping replication slots", thrown ? core::fail("cancelled") : std::move(result));
    t_.notes.slots_busy = false;
    t_.wake();
  };
  asio::co_spawn(co_await asio::this_coro::executor, std::move(work), done);
}

awaitable<void> Executor::act(core::SyncSlots sync) {
  if (t_.notes.slots_busy) co_return;
  co_await change_slots(t_.postgres.sync_slots(std::move(sync.create), std::move(sync.drop)));
}

awaitable<void> Executor::act(core::AdvanceSlots advance) {
  if (t_.notes.slots_busy) co_return;
  co_await change_slots(t_.postgres.advance_slots(std::move(advance.slots)));
}

awaitable<void> Executor::act(core::AskSlots ask) {
  const auto leader = ask.leader.member;
  const auto done = [this, leader, asked_at = t_.clock.now()](std::exception_ptr thrown, auto answer) {
    if (thrown) return;
    const auto failed = answer ? core::Result<void>() : std::unexpected(answer.error());
    if (!went_well("asking " + leader + " for its replication slots", failed)) return;
    t_.notes.leader_slots = {.leader = leader, .asked_at = asked_at, .catalog_xmins = std::move(*answer)};
    t_.wake();
  };
  asio::co_spawn(co_await asio::this_coro::executor, t_.postgres.ask_slots(std::move(ask.leader), std::move(ask.slots)),
                 done);
}

awaitable<void> Executor::act(core::EnforceFeedback feedback) {
  log::info("hot_standby_feedback is {} for the sake of permanent logical slots",
            feedback.on ? "switched on" : "no longer enforced");
  went_well(core::attempt(feedback), co_await t_.postgres.enforce_feedback(feedback.on));
}

awaitable<void> Executor::act(core::SetSyncNames set) {
  went_well("setting synchronous_standby_names", co_await t_.postgres.set_sync_names(std::move(set.names)));
}

awaitable<void> Executor::act(core::SetAside aside) {
  const auto done = co_await t_.postgres.set_aside(aside.superseded);
  t_.notes.set_aside_error = done ? std::string() : "the data directory cannot be set aside: " + done.error().what;
  if (went_well(core::attempt(aside), done)) {
    log::info("the data directory was set aside: {}", aside.reason);
  }
  co_return;
}

// This runs beside the cycle, because deleting may take long.
awaitable<void> Executor::act(core::RemoveSuperseded) {
  const auto done = [](std::exception_ptr thrown, core::Result<void> result) {
    if (!thrown && !result) log::warning("{}", result.error().what);
  };
  asio::co_spawn(co_await asio::this_coro::executor, t_.postgres.remove_superseded(), done);
}

awaitable<void> Executor::act(core::ApplyConfiguration) {
  const auto done = co_await t_.postgres.apply_configuration(false);
  went_well(core::attempt(core::ApplyConfiguration{}), done ? core::Result<void>() : std::unexpected(done.error()));
}

// A checkpoint may take minutes, so it runs beside the cycle.
awaitable<void> Executor::act(core::Checkpoint checkpoint) {
  const auto done = [this, checkpoint](std::exception_ptr thrown, core::Result<void> result) {
    if (thrown || !result)
      log::warning("CHECKPOINT after promotion failed: {}", result ? "cancelled" : result.error().what);
    t_.notes.checkpointed = checkpoint.timeline;
    t_.wake();
  };
  asio::co_spawn(co_await asio::this_coro::executor, t_.postgres.checkpoint(), done);
}

awaitable<void> Executor::act(core::Tell tell) {
  if (tell.is_warning) {
    log::warning("{}", tell.text);
  } else {
    log::info("{}", tell.text);
  }
  co_return;
}

awaitable<void> Executor::act(core::RunCallback callback) {
  t_.callbacks.call(callback.action, callback.role);
  co_return;
}

// ---- ourselves

awaitable<void> Executor::act(core::ForgetRequests) {
  t_.notes.requests.reinitialize = false;
  t_.notes.requests.restart.reset();
  co_return;
}

awaitable<void> Executor::act(core::ForgetScheduledRestart) {
  t_.notes.requests.scheduled_restart.reset();
  co_return;
}

awaitable<void> Executor::act(core::Exit exit) {
  exit_code_ = exit.code;
  co_return;
}

}  // namespace tamada::agent
