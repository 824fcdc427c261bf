#include "agent/agent.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <iterator>
#include <memory>
#include <utility>

#include "core/failsafe.h"
#include "core/pacing.h"
#include "core/presentation.h"
#include "core/problems.h"
#include "net/log.h"
#include "wire/keys.h"
#include "wire/restart_request.h"

namespace tamada::agent {

using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

namespace {
constexpr int steps_max = 20;  // of one cycle; further steps wait for the next cycle
constexpr auto running_job_look = 1s;
constexpr auto fresh_enough = 500ms;
constexpr core::Duration busy_wait = 250ms;  // see refresh(); shorter than the time limit of the members that ask
}  // namespace

Agent::Agent(World world)
    : w_(world),
      wake_(world.executor),
      store_(world.executor, world.dcs, world.clock, world.configuration.local().prefix(),
             world.configuration.local().name),
      jobs_(world.executor, world.postgres, world.clock, [this] { wake_.notify(); }),
      callbacks_(world.executor, world.configuration.local().postgresql.callbacks, world.configuration.local().scope),
      observer_(world.clock, world.postgres, store_, jobs_, world.configuration, notes_),
      executor_({.clock = world.clock,
                 .postgres = world.postgres,
                 .store = store_,
                 .jobs = jobs_,
                 .peers = world.peers,
                 .callbacks = callbacks_,
                 .configuration = world.configuration,
                 .notes = notes_,
                 .fence = world.fence,
                 .wake = [this] { wake_.notify(); }}),
      configuration_copy_(world.executor, world.clock, world.files, configuration_copy),
      members_copy_(world.executor, world.clock, world.files, members_copy),
      members_text_(world.configuration.local().prefix()) {
  w_.postgres.on_exit([this] { wake_.notify(); });
  w_.fence.on_end([this] { wake_.notify(); });
  w_.board.on_publish([this](const auto&) {
    for (auto& waiting : waiting_for_publication_) waiting->notify();
    waiting_for_publication_.clear();
  });
  store_.limits(w_.configuration.settings().ttl, w_.configuration.settings().retry_timeout);
  memory_.fence.until = w_.fence.inherited();
  const auto& local = w_.configuration.local();
  notes_.failsafe.known_since = w_.clock.now();
  if (auto known = read_consents(local.prefix(), local.name, w_.consents.read(), w_.clock.now())) {
    notes_.failsafe = std::move(*known);
  }
  memory_.electorate.members = read_members(local.prefix(), w_.files.read(members_copy));
}

awaitable<int> Agent::run() {
  asio::co_spawn(w_.executor, store_.follow([this] { wake_.notify(); }), asio::detached);

  while (!executor_.exit_code()) {
    if (!unique_ && store_.view().loaded) {
      if (co_await has_duplicate()) {
        log::critical("Can't start; there is already a node named '{}' running", w_.configuration.local().name);
        if (!w_.fence.inherited()) w_.fence.keep({});  // the inherited bound was for the time without a daemon
        co_return 1;
      }
      unique_ = true;
      keep_consents();
      resume_scheduled_restart();
    }
    co_await cycle();
    if (executor_.exit_code()) break;
    if (!unique_ && store_.view().loaded) continue;
    co_await (wake_.wait() || w_.clock.sleep_until(wake_at()));
  }
  co_return *executor_.exit_code();
}

bool Agent::keep_consents() {
  const auto& local = w_.configuration.local();
  return w_.consents.write(consents_text(local.prefix(), local.name, notes_.failsafe));
}

awaitable<bool> Agent::has_duplicate() {
  const auto& local = w_.configuration.local();
  const auto* member = store_.view().member(local.name);
  if (!member || member->api_url.empty()) co_return false;
  co_return co_await w_.peers.alive(member->api_url, 3s);
}

// Takes over a scheduled restart of this node that our member key still shows from the daemon's previous run. Patroni
// forgets such a restart.
void Agent::resume_scheduled_restart() {
  const auto* member = store_.view().member(w_.configuration.local().name);
  if (!member || notes_.requests.scheduled_restart) return;
  notes_.requests.scheduled_restart = wire::parse_scheduled_restart(member->scheduled_restart_json);
}

core::Instant Agent::wake_at() const {
  const auto now = w_.clock.now();
  auto at = now + w_.configuration.settings().loop_wait;
  if (decided_wake_at_) at = std::min(at, std::max(*decided_wake_at_, now + 5ms));
  if (jobs_.view().running()) at = std::min(at, now + running_job_look);
  return at;
}

awaitable<void> Agent::cycle() {
  for (int step = 0; step < steps_max; ++step) {
    // The daemon writes nothing under its name before it knows that no other daemon has the same name.
    if (!unique_ && step > 0 && store_.view().loaded) co_return;
    co_await take_configuration();
    core::Observation seen = co_await observer_.observe();
    seen.fence = w_.fence.view();
    seen.noticed = w_.configuration.problems();
    std::ranges::move(w_.noticed(), std::back_inserter(seen.noticed));
    observed_at_ = seen.now;
    core::Decision next = core::decide(seen, memory_);
    memory_ = next.memory;
    decided_wake_at_ = next.wake_at;
    report(seen, next);
    tell_problems(next.problems);
    keep_fence(seen);
    keep_files(seen);
    auto actions = next.actions;
    const auto until = next.dcs_patience_until;
    publish(std::move(seen), std::move(next));
    if (actions.empty()) co_return;
    acting_ = true;
    store_.begin_round(until);
    co_await executor_.perform(std::move(actions));
    acting_ = false;
    if (executor_.exit_code()) co_return;
  }
  decided_wake_at_ = w_.clock.now() + 200ms;
}

// Called before a decision is carried out, so that the fence holds from the first instruction as a primary on and moves
// with each renewal.
void Agent::keep_fence(const core::Observation& seen) {
  // Another daemon may run with the same name on this data directory. Its guard has its own bound.
  if (!unique_ && w_.fence.inherited()) return;
  w_.fence.keep({.until = memory_.fence.until,
                 .length = memory_.fence.length,
                 .postmaster = seen.postgres.postmaster,
                 .ttl = seen.settings.ttl,
                 .loop_wait = seen.settings.loop_wait});
}

void Agent::keep_files(const core::Observation& seen) {
  // During a bootstrap the texts are still empty, and nothing may be written into the directory.
  const auto& system = seen.postgres.system_identifier;
  if (system.empty() || seen.cluster.initialize != system || seen.job.running()) return;
  if (std::exchange(files_after_job_, seen.job.id) != seen.job.id) {
    configuration_copy_.look_again();
    members_copy_.look_again();
  }
  configuration_copy_.keep(w_.configuration.copy(), seen.settings.loop_wait);
  // Without a leader the list of members is not kept current, so the file keeps the last one.
  if (!seen.cluster.unlocked())
    members_copy_.keep(members_text_.of(memory_.electorate.members), seen.settings.loop_wait);
}

awaitable<void> Agent::take_configuration() {
  const auto& json = store_.view().config_json;
  const bool changed = json && w_.configuration.take_dynamic(*json);
  const bool asked = notes_.requests.reload;
  if (notes_.requests.reload) {
    notes_.requests.reload = false;
    if (read_again_) {
      auto loaded = read_again_();
      if (!loaded) {
        log::error("the configuration was not reloaded, the old one stays in force: {}", loaded.error().what);
      } else {
        w_.configuration.warnings_of_file(std::move(loaded->warnings));
        if (!w_.configuration.take_local(std::move(loaded->local))) log::info("No local configuration items changed.");
        log::info("configuration reloaded");
      }
    }
  }
  if (asked || changed) {
    callbacks_.commands(w_.configuration.local().postgresql.callbacks);
    const auto& settings = w_.configuration.settings();
    store_.limits(settings.ttl, settings.retry_timeout);
    to_apply_ = {.due = true, .asked = asked || to_apply_.asked};
  }
  // A running job may write the files itself, and may have done so already.
  if (!to_apply_.due || jobs_.view().running()) co_return;
  const auto applied = co_await w_.postgres.apply_configuration(std::exchange(to_apply_, {}).asked);
  executor_.went_well(core::attempt(core::ApplyConfiguration{}),
                      applied ? core::Result<void>() : std::unexpected(applied.error()));
  if (applied && *applied) callbacks_.call("on_reload", w_.board.latest()->role);
}

namespace {

bool is_logged_at(core::ProblemLog when, const core::Problem& problem) {
  return core::traits(problem.kind).log == when;
}

}  // namespace

void Agent::report(const core::Observation& seen, const core::Decision& decision) {
  if (last_report_ == core::Instant{}) last_report_ = seen.now;
  if (decision.severity == core::Severity::debug) {
    log::debug("{}", decision.reason);
    // A decision that only asks for facts is logged, too, if no other decision has been logged for long.
    if (seen.now - last_report_ < 2 * w_.configuration.settings().loop_wait) return;
  }
  const bool heartbeat = seen.now - last_report_ >= w_.configuration.settings().loop_wait;
  if (decision.reason == last_reason_ && !heartbeat) return;
  last_reason_ = decision.reason;
  last_report_ = seen.now;
  auto troubles = decision.problems;
  std::erase_if(troubles, [](const core::Problem& one) { return !is_logged_at(core::ProblemLog::heartbeats, one); });
  const auto trouble = core::in_one_line(troubles);
  const bool told = decision.severity == core::Severity::warning || decision.reason.contains(trouble);
  if (heartbeat && !told) log::warning("{}", trouble);
  switch (decision.severity) {
    case core::Severity::debug:
    case core::Severity::info:
      log::info("{}", decision.reason);
      break;
    case core::Severity::warning:
      log::warning("{}", decision.reason);
      break;
    case core::Severity::error:
      log::error("{}", decision.reason);
      break;
  }
}

// Logs each problem when it begins and when it ends; report() logs what fails again and again.
void Agent::tell_problems(const core::Problems& now) {
  const auto news = [](const core::Problems& all, const core::Problems& known) {
    core::Problems out;
    for (const auto& one : all) {
      if (is_logged_at(core::ProblemLog::changes, one) && std::ranges::find(known, one) == known.end())
        out.push_back(one);
    }
    return out;
  };
  for (const auto& problem : news(now, told_problems_))
    log::warning("problem ({}): {}", core::name(problem.kind), problem.text);
  for (const auto& problem : news(told_problems_, now))
    log::info("over ({}): {}", core::name(problem.kind), problem.text);
  told_problems_ = now;
}

void Agent::publish(core::Observation seen, core::Decision decision) {
  auto snapshot = std::make_shared<api::Snapshot>();
  snapshot->version = ++version_;
  snapshot->dcs_last_seen = store_.last_seen_unix();
  snapshot->dcs_last_ok = store_.last_ok();
  snapshot->cycle_at = seen.now;
  snapshot->scope = w_.configuration.local().scope;
  snapshot->state = core::state_word(seen, decision.memory);
  snapshot->role = core::role_word(seen, decision.memory);
  snapshot->seen = std::move(seen);
  snapshot->decision = std::move(decision);
  w_.board.publish(std::move(snapshot));
}

// ---- requests

void Agent::shutdown() {
  notes_.requests.shutdown = true;
  wake_.notify();
}

std::optional<std::string> Agent::failsafe_leader(core::FailsafeLeader leader) {
  if (auto refusal = core::failsafe_refusal(store_.view(), jobs_.view(), leader.name)) {
    log::warning("failsafe mode: {} asks to go on as the primary, refused: {}", leader.name, *refusal);
    return refusal;
  }
  notes_.failsafe.told_at = w_.clock.now();
  notes_.failsafe.told_for = std::max(leader.ttl, w_.configuration.settings().ttl);
  notes_.failsafe.leader = std::move(leader);
  wake_.notify();
  if (keep_consents()) return std::nullopt;
  log::error("failsafe mode: {} asks to go on as the primary, refused: the consent cannot be kept in /dev/shm",
             notes_.failsafe.leader.name);
  return "The consent cannot be kept for the next run of the daemon";
}

void Agent::reload() {
  notes_.requests.reload = true;
  ++notes_.reloads;
  wake_.notify();
}

void Agent::restart(core::RestartRequest request) {
  notes_.requests.restart = std::move(request);
  wake_.notify();
}

void Agent::schedule_restart(std::optional<core::RestartRequest> request) {
  notes_.requests.scheduled_restart = std::move(request);
  wake_.notify();
}

void Agent::reinitialize(bool by_force, bool from_leader) {
  notes_.set_aside_error.clear();
  notes_.requests.reinitialize = true;
  notes_.retries.clear();
  notes_.requests.reinitialize_by_force = by_force;
  notes_.requests.reinitialize_from_leader = from_leader;
  wake_.notify();
}

awaitable<core::ReplacedData> Agent::replaced_data(core::Duration timeout) {
  co_return co_await w_.postgres.replaced_data(timeout);
}

awaitable<core::Result<core::DataSize>> Agent::data_size(core::Duration timeout) {
  co_return co_await w_.postgres.data_size(timeout);
}

awaitable<void> Agent::refresh(core::Duration timeout) {
  // Members that ask each other in a race would wait for each other, so a recent observation is a good enough answer.
  if (acting_ && w_.clock.now() - observed_at_ < fresh_enough) co_return;
  // While the cycle waits for a DCS that does not answer, this node answers with an older observation. Without an
  // answer the other members would take this node, which may be the primary, for dead.
  if (acting_) timeout = std::min(timeout, busy_wait);
  const auto published = std::make_shared<net::Event>(w_.executor);
  waiting_for_publication_.push_back(published);
  wake_.notify();
  co_await (published->wait() || w_.clock.sleep_until(w_.clock.now() + timeout));
}

awaitable<core::Result<core::ClusterView>> Agent::read_keys() {
  auto keys = co_await store_.read_keys();
  wake_.notify();
  co_return keys;
}

awaitable<core::Result<bool>> Agent::write_failover(core::FailoverRequest request, core::Revision expected) {
  const auto written = co_await store_.change("failover", wire::failover_json(request), expected);
  wake_.notify();
  co_return written;
}

awaitable<core::Result<bool>> Agent::delete_failover(core::Revision expected) {
  const auto written = co_await store_.change("failover", std::nullopt, expected);
  wake_.notify();
  co_return written;
}

awaitable<core::Result<bool>> Agent::write_config(std::string json, core::Revision expected) {
  const auto written = co_await store_.change("config", std::move(json), expected);
  wake_.notify();
  co_return written;
}

}  // namespace tamada::agent
