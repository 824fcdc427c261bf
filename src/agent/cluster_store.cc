#include "agent/cluster_store.h"

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>

#include "net/log.h"
#include "wire/keys.h"

namespace tamada::agent {

using core::Duration;
using namespace std::chrono_literals;
using dcs::Compare;

ClusterStore::ClusterStore(asio::any_io_executor executor, dcs::Dcs& dcs, net::Clock& clock, std::string prefix,
                           std::string self)
    : executor_(executor),
      dcs_(dcs),
      clock_(clock),
      prefix_(prefix),
      self_(std::move(self)),
      cache_(std::move(prefix)),
      watch_is_stale_(executor) {}

void ClusterStore::limits(Duration ttl, Duration retry_timeout) {
  ttl_ = ttl;
  timeout_ = std::clamp<Duration>(retry_timeout / 2, 500ms, 5s);
}

void ClusterStore::begin_round(std::optional<core::Instant> until) {
  round_failed_ = false;
  round_until_ = until;
}

Duration ClusterStore::limit() const {
  constexpr Duration least = 500ms;
  return round_until_ ? std::clamp<Duration>(*round_until_ - clock_.now(), std::min(least, timeout_), timeout_)
                      : timeout_;
}

template <class T>
bool ClusterStore::note(const dcs::DcsResult<T>& result) {
  const auto now = clock_.now();
  if (result || result.error().kind == dcs::ErrorKind::lease_gone) {
    if (!dcs_view_.ok && dcs_view_.failing_since != core::Instant{}) log::info("DCS is accessible again");
    const auto since = dcs_view_.ok ? dcs_view_.ok_since : now;
    dcs_view_ = {.ok = true,
                 .last_ok = now,
                 .ok_since = since,
                 .failing_since = {},
                 .error = {},
                 .clock_ahead = dcs_.clock_ahead()};
    round_failed_ = false;
    last_seen_unix_ = std::chrono::duration_cast<std::chrono::seconds>(clock_.wall().time_since_epoch()).count();
    return result.has_value();
  }
  if (dcs_view_.ok || dcs_view_.failing_since == core::Instant{}) {
    dcs_view_.failing_since = now;
    log::warning("DCS request failed: {}", result.error().what);
  }
  round_failed_ = true;
  dcs_view_.ok = false;
  dcs_view_.error = result.error().what;
  return false;
}

awaitable<bool> ClusterStore::load() {
  const auto range = co_await dcs_.range(prefix_, 0, timeout_);
  if (!note(range)) co_return false;
  cache_.reset(*range);
  co_return true;
}

awaitable<void> ClusterStore::follow(std::function<void()> wake) {
  using namespace asio::experimental::awaitable_operators;
  for (;;) {
    const bool loaded = co_await load();
    wake();
    if (!loaded) {
      co_await clock_.sleep_until(clock_.now() + 1s);
      continue;
    }
    const auto on_batch = [this, wake](dcs::WatchBatch batch) {
      const auto before = cache_.changes();
      const auto configuration = view().config_revision;
      cache_.apply(batch);
      if (cache_.changes() != before) wake();
      give_up_older_requests(configuration);
    };
    const auto ended = co_await (dcs_.watch(prefix_, cache_.revision() + 1, on_batch) || watch_is_stale_.wait());
    if (ended.index() == 0) {
      log::debug("watch ended: {}", std::get<0>(ended).what);
    } else {
      log::warning("the watch missed a change, it is started again");
    }
    co_await clock_.sleep_until(clock_.now() + 50ms);
  }
}

void ClusterStore::give_up_older_requests(core::Revision configuration_before) {
  if (view().config_revision == configuration_before) return;
  for (const auto& one : std::exchange(asking_, {})) {
    if (const auto waiting = one.lock()) waiting->notify();
  }
}

awaitable<void> ClusterStore::configuration_changed(std::shared_ptr<net::Event> told, core::Instant not_before) {
  co_await told->wait();
  co_await clock_.sleep_until(not_before);
}

template <class T>
awaitable<dcs::DcsResult<T>> ClusterStore::ask(awaitable<dcs::DcsResult<T>> request) {
  using namespace asio::experimental::awaitable_operators;
  constexpr Duration usual = 500ms;  // an answer may always take this long
  const auto told = std::make_shared<net::Event>(executor_);
  std::erase_if(asking_, [](const auto& one) { return one.expired(); });
  asking_.push_back(told);
  auto first = co_await (std::move(request) || configuration_changed(told, clock_.now() + usual));
  if (first.index() == 0) co_return std::get<0>(std::move(first));
  co_return std::unexpected(
      dcs::DcsError{dcs::ErrorKind::unreachable, "no answer yet, and the configuration has changed meanwhile"});
}

awaitable<void> ClusterStore::ensure_lease() {
  if (round_failed_) co_return;
  const auto sent = clock_.now();
  lease_.attempted_at = sent;
  const bool replaces = bool(lease_.id);
  const auto grant = co_await ask(dcs_.lease_grant(ttl_, limit()));
  if (!note(grant)) co_return;
  lease_ = {.id = grant->id,
            .ttl = ttl_,
            .deadline = sent + std::min(grant->ttl, ttl_),
            .attempted_at = sent,
            .confirmed_at = sent};
  // The keys move to the new lease when they are next written; the rule `take_over_own_key` moves the leader key.
  if (replaces) log::info("new lease, ttl {} s", std::chrono::duration_cast<std::chrono::seconds>(ttl_).count());
}

awaitable<void> ClusterStore::renew_lease() {
  if (round_failed_) co_return;
  const auto sent = clock_.now();
  lease_.attempted_at = sent;
  const auto left = co_await ask(dcs_.lease_keepalive(lease_.id, limit()));
  if (!note(left)) {
    if (left.error().kind == dcs::ErrorKind::lease_gone) co_await replace_lease();
    co_return;
  }
  // A linearizable read that returns nothing when nothing changed: proves the cache, and so the leader key, current. It
  // comes after the renewal, not beside it: an etcd server that was the leader and has lost its majority still answers
  // renewals.
  const auto changes = co_await ask(dcs_.range(prefix_, cache_.revision() + 1, limit()));
  if (!note(changes)) co_return;
  const bool matches = cache_.matches(*changes);
  if (!matches) {
    // The event may just be on its way. If the cache misses a change twice in a row, the watch delivers nothing any
    // more.
    if (!co_await load()) co_return;
    if (missed_before_) watch_is_stale_.notify();
  }
  missed_before_ = !matches;
  lease_.deadline = sent + std::min(lease_.ttl, ttl_);
  lease_.confirmed_at = sent;
}

// The lease has ended or was revoked, so the keys that hung on it are gone.
awaitable<void> ClusterStore::replace_lease() {
  log::warning("the lease is gone");
  lease_ = {};
  co_await ensure_lease();
}

awaitable<void> ClusterStore::revoke_lease() {
  // If release_leader() got no answer, revoking the lease would delete the leader key without telling the last
  // position.
  if (!lease_.id || round_failed_) co_return;
  note(co_await dcs_.lease_revoke(lease_.id, limit()));
  lease_ = {};
}

awaitable<core::Result<bool>> ClusterStore::transact(std::vector<Compare> compares,
                                                     std::vector<dcs::Operation> operations) {
  if (round_failed_) co_return core::fail("the DCS does not answer");
  const auto result = co_await ask(dcs_.txn(std::move(compares), operations, limit()));
  if (!note(result)) {
    if (result.error().kind == dcs::ErrorKind::lease_gone) co_await replace_lease();
    // The transaction may have happened all the same, so the keys are read again.
    if (result.error().kind == dcs::ErrorKind::unreachable) watch_is_stale_.notify();
    co_return core::fail(result.error().what);
  }
  if (!result->succeeded) {
    co_await load();
    co_return false;
  }
  show(std::move(operations), result->revision);
  co_return true;
}

void ClusterStore::show(std::vector<dcs::Operation> written, core::Revision revision) {
  for (auto& operation : written) {
    if (auto* put = std::get_if<dcs::Put>(&operation)) {
      cache_.put_locally(put->key, std::move(put->value), revision, put->lease);
    } else {
      cache_.delete_locally(std::get<dcs::Delete>(operation).key, revision);
    }
  }
}

std::vector<Compare> ClusterStore::still_leader() const {
  const auto& leader = view().leader;
  // Without a leader key in view this node cannot be the leader, so the comparison is one that no store can meet.
  const core::Revision revision = leader && leader->name == self_ ? leader->revision : -1;
  return {{.what = Compare::What::mod_revision, .key = full("leader"), .revision = revision},
          {.what = Compare::What::lease, .key = full("leader"), .lease = lease_.id}};
}

awaitable<void> ClusterStore::acquire_leader(core::AcquireLeader acquire) {
  const auto unchanged = [this](std::string_view key, core::Revision revision) {
    return Compare{.what = Compare::What::mod_revision, .key = full(key), .revision = revision};
  };
  std::vector<Compare> compares{unchanged("leader", acquire.expected)};
  if (acquire.marks) {
    compares.push_back(unchanged("sync", acquire.marks->sync));
    compares.push_back(unchanged("status", acquire.marks->status));
  }
  std::vector<dcs::Operation> operations{dcs::Put{.key = full("leader"), .value = self_, .lease = lease_.id}};
  const auto won = co_await transact(std::move(compares), std::move(operations));
  if (won && !*won) log::info("Could not take out TTL lock");
}

awaitable<void> ClusterStore::release_leader(std::optional<core::Lsn> optime) {
  auto compares = still_leader();
  std::vector<dcs::Operation> operations;
  if (optime) {
    auto status = view().status.value_or(core::Status{});
    status.optime = optime;
    operations.push_back(dcs::Put{.key = full("status"), .value = wire::status_json(status)});
  }
  operations.push_back(dcs::Delete{.key = full("leader")});
  co_await transact(std::move(compares), std::move(operations));
}

awaitable<void> ClusterStore::publish_member(core::Member record) {
  std::vector<dcs::Operation> operations{
      dcs::Put{.key = full("members/" + self_), .value = wire::member_json(record), .lease = lease_.id}};
  co_await transact({}, std::move(operations));
}

awaitable<void> ClusterStore::race_initialize() {
  std::vector<Compare> compares{{.what = Compare::What::mod_revision, .key = full("initialize"), .revision = 0}};
  std::vector<dcs::Operation> operations{dcs::Put{.key = full("initialize"), .value = "", .lease = lease_.id}};
  co_await transact(std::move(compares), std::move(operations));
}

awaitable<void> ClusterStore::cancel_initialize() {
  std::vector<Compare> compares{{.what = Compare::What::lease, .key = full("initialize"), .lease = lease_.id}};
  std::vector<dcs::Operation> operations{dcs::Delete{.key = full("initialize")}};
  co_await transact(std::move(compares), std::move(operations));
}

awaitable<void> ClusterStore::write_initialize(std::string system_identifier) {
  // At the end of a bootstrap the key exists and is empty, and there is no leader key, so only the key's own revision
  // is compared. If the key does not exist, all keys were deleted, and only the leader may write it again. The others
  // wait until it has, because a leader may still run.
  auto compares = view().initialize ? std::vector<Compare>{} : still_leader();
  compares.push_back(
      {.what = Compare::What::mod_revision, .key = full("initialize"), .revision = view().initialize_revision});
  std::vector<dcs::Operation> operations{dcs::Put{.key = full("initialize"), .value = std::move(system_identifier)}};
  co_await transact(std::move(compares), std::move(operations));
}

awaitable<void> ClusterStore::write_as_leader(std::string key, std::string value) {
  auto compares = still_leader();
  std::vector<dcs::Operation> operations{dcs::Put{.key = full(key), .value = std::move(value)}};
  co_await transact(std::move(compares), std::move(operations));
}

awaitable<void> ClusterStore::write_status(core::Status status) {
  co_await write_as_leader("status", wire::status_json(status));
}

awaitable<core::Result<bool>> ClusterStore::write_sync(core::SyncState state) {
  auto compares = still_leader();
  compares.push_back({.what = Compare::What::mod_revision, .key = full("sync"), .revision = state.revision});
  std::vector<dcs::Operation> operations{dcs::Put{.key = full("sync"), .value = wire::sync_json(state)}};
  co_return co_await transact(std::move(compares), std::move(operations));
}

awaitable<core::Result<bool>> ClusterStore::delete_sync(core::Revision expected) {
  auto compares = still_leader();
  compares.push_back({.what = Compare::What::mod_revision, .key = full("sync"), .revision = expected});
  std::vector<dcs::Operation> operations{dcs::Delete{.key = full("sync")}};
  co_return co_await transact(std::move(compares), std::move(operations));
}

awaitable<core::Result<bool>> ClusterStore::write_compared(std::string key, std::string value,
                                                           core::Revision expected) {
  std::vector<Compare> compares{{.what = Compare::What::mod_revision, .key = full(key), .revision = expected}};
  std::vector<dcs::Operation> operations{dcs::Put{.key = full(key), .value = std::move(value)}};
  co_return co_await transact(std::move(compares), std::move(operations));
}

awaitable<core::Result<bool>> ClusterStore::delete_compared(std::string key, core::Revision expected) {
  std::vector<Compare> compares{{.what = Compare::What::mod_revision, .key = full(key), .revision = expected}};
  std::vector<dcs::Operation> operations{dcs::Delete{.key = full(key)}};
  co_return co_await transact(std::move(compares), std::move(operations));
}

awaitable<core::Result<core::ClusterView>> ClusterStore::read_keys() {
  const auto range = co_await dcs_.range(prefix_, 0, timeout_);
  if (!range) co_return core::fail(range.error().what);
  // The cache may already contain later changes. An older range must not even be counted there, because the cache takes
  // several of them in a row for an etcd that was restored from a backup, and clients can ask at the same time.
  if (range->revision >= cache_.revision()) {
    const auto configuration = view().config_revision;
    cache_.reset(*range);
    give_up_older_requests(configuration);
  }
  dcs::ClusterCache held(prefix_);
  held.reset(*range);
  co_return held.view();
}

awaitable<core::Result<bool>> ClusterStore::change(std::string key, std::optional<std::string> value,
                                                   core::Revision expected) {
  const auto name = full(key);
  std::vector<Compare> compares{{.what = Compare::What::mod_revision, .key = name, .revision = expected}};
  std::vector<dcs::Operation> operations;
  if (value) {
    operations.push_back(dcs::Put{.key = name, .value = std::move(*value)});
  } else {
    operations.push_back(dcs::Delete{.key = name});
  }
  const auto result = co_await dcs_.txn(std::move(compares), operations, timeout_);
  if (!result) co_return core::fail(result.error().what);
  if (!result->succeeded) co_return false;
  const auto configuration = view().config_revision;
  show(std::move(operations), result->revision);
  give_up_older_requests(configuration);
  co_return true;
}

}  // namespace tamada::agent
