#include "sim/sim_dcs.h"

#include <algorithm>

namespace tamada::sim {

using namespace std::chrono_literals;
using dcs::Compare;
using dcs::DcsError;
using dcs::DcsResult;
using dcs::ErrorKind;

// ---- the server

dcs::Range SimStore::range(const std::string& prefix, dcs::Revision min_mod_revision) const {
  dcs::Range range;
  range.revision = revision_;
  for (auto it = keys_.lower_bound(prefix); it != keys_.end() && it->first.starts_with(prefix); ++it) {
    ++range.count;
    if (it->second.mod_revision >= min_mod_revision) range.keys.push_back(it->second);
  }
  return range;
}

bool SimStore::holds(const Compare& compare) const {
  const auto* kv = find(compare.key);
  switch (compare.what) {
    case Compare::What::mod_revision:
      return (kv ? kv->mod_revision : 0) == compare.revision;
    case Compare::What::create_revision:
      return (kv ? kv->create_revision : 0) == compare.revision;
    case Compare::What::lease:
      return (kv ? kv->lease : dcs::LeaseId()) == compare.lease;
    case Compare::What::value:
      return kv && kv->value == compare.value;
  }
  return false;
}

DcsResult<dcs::TxnResult> SimStore::txn(const std::vector<Compare>& compares,
                                        const std::vector<dcs::Operation>& operations) {
  if (!std::ranges::all_of(compares, [this](const auto& c) { return holds(c); })) {
    return dcs::TxnResult{.succeeded = false, .revision = revision_};
  }
  for (const auto& operation : operations) {
    const auto* one = std::get_if<dcs::Put>(&operation);
    if (one && one->lease && !leases_.contains(one->lease)) {
      return std::unexpected(DcsError{ErrorKind::lease_gone, "etcd: requested lease not found"});
    }
  }
  ++revision_;
  bool changed = false;
  for (const auto& operation : operations) {
    if (const auto* one = std::get_if<dcs::Put>(&operation)) {
      put(*one);
      changed = true;
      continue;
    }
    const auto& gone = std::get<dcs::Delete>(operation);
    std::vector<std::string> names;
    for (auto it = keys_.lower_bound(gone.key); it != keys_.end(); ++it) {
      if (gone.prefix ? !it->first.starts_with(gone.key) : it->first != gone.key) break;
      names.push_back(it->first);
    }
    for (const auto& name : names) changed = erase(name) || changed;
  }
  if (!changed) --revision_;
  pump_all();
  return dcs::TxnResult{.succeeded = true, .revision = revision_};
}

void SimStore::put(const dcs::Put& put) {
  auto& kv = keys_[put.key];
  if (kv.lease && leases_.contains(kv.lease)) leases_[kv.lease].keys.erase(put.key);
  if (kv.create_revision == 0) kv.create_revision = revision_;
  kv.key = put.key;
  kv.value = put.value;
  kv.mod_revision = revision_;
  kv.lease = put.lease;
  if (put.lease) leases_[put.lease].keys.insert(put.key);
  log_.push_back({.deleted = false, .kv = kv});
  if (on_change) on_change(kv, false);
}

bool SimStore::erase(const std::string& key) {
  const auto it = keys_.find(key);
  if (it == keys_.end()) return false;
  const auto gone = it->second;
  if (gone.lease && leases_.contains(gone.lease)) leases_[gone.lease].keys.erase(key);
  keys_.erase(it);
  log_.push_back({.deleted = true, .kv = {.key = key, .value = {}, .mod_revision = revision_}});
  if (on_change) on_change(gone, true);
  return true;
}

dcs::LeaseGrant SimStore::grant(Duration ttl) {
  const dcs::LeaseId id(std::to_string(++last_lease_));
  leases_[id] = {.ttl = ttl, .expires = scheduler_.now() + ttl, .keys = {}};
  expect_expiry(id);
  return {.id = id, .ttl = ttl};
}

DcsResult<Duration> SimStore::keepalive(const dcs::LeaseId& id) {
  const auto it = leases_.find(id);
  // Between its end and its removal a lease can no longer be renewed.
  if (it == leases_.end() || it->second.expires <= scheduler_.now()) {
    return std::unexpected(DcsError{ErrorKind::lease_gone, "etcd: the lease has ended"});
  }
  it->second.expires = scheduler_.now() + it->second.ttl;
  return it->second.ttl;
}

void SimStore::revoke(dcs::LeaseId id) {
  const auto it = leases_.find(id);
  if (it == leases_.end()) return;
  const auto names = it->second.keys;
  if (!names.empty()) ++revision_;
  for (const auto& name : names) erase(name);
  leases_.erase(id);
  pump_all();
}

void SimStore::expect_expiry(const dcs::LeaseId& id) {
  const auto it = leases_.find(id);
  if (it == leases_.end()) return;
  // etcd looks for ended leases twice a second, so the removal is delayed.
  scheduler_.at(it->second.expires + random_.duration(1ms, 500ms), [this, id] {
    const auto found = leases_.find(id);
    if (found == leases_.end() || !up_) return;
    if (found->second.expires > scheduler_.now()) return expect_expiry(id);
    if (!found->second.keys.empty()) trace_.line("etcd", fmt::format("lease {} ended", id.name()));
    removing_ = true;
    revoke(id);
    removing_ = false;
  });
}

void SimStore::open_stream(const std::shared_ptr<Stream>& stream) {
  std::erase_if(streams_, [](const auto& weak) { return weak.expired(); });
  streams_.push_back(stream);
  pump(stream);
}

void SimStore::pump_all() {
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    if (const auto stream = streams_[i].lock()) pump(stream);
  }
}

void SimStore::pump(const std::shared_ptr<Stream>& stream) {
  if (stream->broken) return;
  const bool compacted = stream->next <= compacted_;
  if (!compacted && stream->next > revision_) return;
  const auto delay = up_ ? network_.travel(endpoint_, stream->node) : std::nullopt;
  if (!delay) {  // the message was lost, and TCP sends it again
    if (stream->retrying) return;
    stream->retrying = true;
    scheduler_.after(500ms, [this, weak = std::weak_ptr(stream)] {
      const auto again = weak.lock();
      if (!again) return;
      again->retrying = false;
      pump(again);
    });
    return;
  }
  const auto lag = watch_lag > 0ns ? random_.duration(0ns, watch_lag) : 0ns;
  stream->last_arrival = std::max(stream->last_arrival, scheduler_.now() + *delay + lag);
  dcs::WatchBatch batch;
  batch.revision = revision_;
  const auto first = std::ranges::lower_bound(log_, stream->next, {}, [](const auto& e) { return e.kv.mod_revision; });
  for (auto it = first; it != log_.end(); ++it) {
    if (it->kv.key.starts_with(stream->prefix)) batch.events.push_back(*it);
  }
  stream->next = revision_ + 1;
  scheduler_.at(stream->last_arrival, [weak = std::weak_ptr(stream), compacted, batch = std::move(batch)]() mutable {
    const auto open = weak.lock();
    if (!open || open->broken) return;
    if (compacted) {
      open->broken = true;
      open->error = DcsError{ErrorKind::compacted, "etcd: the revision asked for has been compacted"};
    } else {
      open->inbox.push_back(std::move(batch));
    }
    open->wake();
  });
}

void SimStore::stop(bool refuses) {
  up_ = false;
  refuses_ = refuses;
}

void SimStore::start() {
  up_ = true;
  up_since_ = scheduler_.now();
  change_leader();
  pump_all();
}

void SimStore::change_leader() {
  for (auto& [id, lease] : leases_) lease.expires = std::max(lease.expires, scheduler_.now() + lease.ttl);
  std::vector<dcs::LeaseId> ids;
  for (const auto& [id, lease] : leases_) ids.push_back(id);
  for (const auto& id : ids) expect_expiry(id);
}

void SimStore::revoke_by_hand(dcs::LeaseId id) {
  trace_.line("etcd", fmt::format("lease {} is revoked by hand", id.name()));
  taken_by_hand_at_ = scheduler_.now();
  removing_ = true;
  revoke(id);
  removing_ = false;
}

void SimStore::wipe() {
  taken_by_hand_at_ = scheduler_.now();
  std::vector<std::string> names;
  for (const auto& [name, kv] : keys_) names.push_back(name);
  ++revision_;
  removing_ = true;
  for (const auto& name : names) erase(name);
  removing_ = false;
  pump_all();
}

void SimStore::break_streams() {
  for (auto& weak : streams_) {
    const auto stream = weak.lock();
    if (!stream || stream->broken) continue;
    stream->broken = true;
    stream->error = DcsError{ErrorKind::unreachable, "the watch was closed"};
    stream->wake();
  }
}

const dcs::KeyValue* SimStore::find(const std::string& key) const {
  const auto it = keys_.find(key);
  return it == keys_.end() ? nullptr : &it->second;
}

// ---- the client

template <class T>
awaitable<DcsResult<T>> SimDcs::call(std::function<DcsResult<T>()> operation, Duration timeout) {
  struct Exchange {
    std::shared_ptr<Parked> parked;
    std::optional<DcsResult<T>> answer;
  };
  auto& scheduler = life_.scheduler();
  const auto exchange = std::make_shared<Exchange>();
  exchange->parked = life_.parked();
  // The life, and this object with it, may have ended when the request arrives. So the lambda captures only objects
  // that outlive it.
  if (const auto there = network_.travel(node_, endpoint_)) {
    scheduler.after(*there, [&store = store_, &network = network_, &scheduler, endpoint = endpoint_, node = node_,
                             exchange, operation] {
      if (!store.up() && !store.refuses()) return;
      if (store.up() && network.arrives_twice()) operation();
      DcsResult<T> answer =
          store.up() ? operation()
                     : DcsResult<T>(std::unexpected(DcsError{ErrorKind::unreachable, "etcd: connection refused"}));
      const auto back = network.travel(endpoint, node);
      if (!back) return;  // the write happened, but the reply is lost
      scheduler.after(*back, [exchange, answer = std::move(answer)]() mutable {
        exchange->answer = std::move(answer);
        exchange->parked->wake();
      });
    });
  }
  const bool answered = co_await life_.wait(exchange->parked, scheduler.now() + timeout);
  if (!answered) co_return std::unexpected(DcsError{ErrorKind::unreachable, "etcd: no answer in time"});
  co_return std::move(*exchange->answer);
}

namespace {

// For injected bugs: hides values from a daemon.
void hide(dcs::KeyValue& kv, const Bugs& bugs, int node) {
  const bool others_sync = kv.key.ends_with("/sync") && !kv.value.contains(fmt::format("\"leader\":\"n{}\"", node + 1));
  if (others_sync && bugs.is("sync-key-not-read")) kv.value = "{}";
  if (!kv.key.ends_with("/config")) return;
  const std::string word = bugs.is("pause-not-read")             ? "\"pause\""
                           : bugs.is("standby-cluster-not-read") ? "\"standby_cluster\""
                                                                 : "";
  if (word.empty()) return;
  if (const auto at = kv.value.find(word); at != std::string::npos) kv.value.replace(at, word.size(), "\"hidden\"");
}

}  // namespace

awaitable<DcsResult<dcs::Range>> SimDcs::range(std::string prefix, dcs::Revision min_mod_revision, Duration timeout) {
  return call<dcs::Range>(
      [&store = store_, &bugs = bugs_, node = node_, prefix, min_mod_revision]() -> DcsResult<dcs::Range> {
        auto range = store.range(prefix, min_mod_revision);
        for (auto& kv : range.keys) hide(kv, bugs, node);
        return range;
      },
      timeout);
}

awaitable<DcsResult<dcs::TxnResult>> SimDcs::txn(std::vector<Compare> compares, std::vector<dcs::Operation> operations,
                                                 Duration timeout) {
  for (const auto& operation : operations) {
    const auto* put = std::get_if<dcs::Put>(&operation);
    const auto* gone = std::get_if<dcs::Delete>(&operation);
    if (bugs_.is("leader-key-not-compared") && put && put->key.ends_with("/leader")) compares.clear();
    if (bugs_.is("failover-key-not-cleared") && gone && gone->key.ends_with("/failover")) operations.clear();
    if (operations.empty()) break;
  }
  std::function<DcsResult<dcs::TxnResult>()> operation = [&store = store_, compares, operations] {
    return store.txn(compares, operations);
  };
  if (bugs_.is("sync-key-written-later") && std::ranges::any_of(operations, [](const dcs::Operation& one) {
        const auto* put = std::get_if<dcs::Put>(&one);
        return put && put->key.ends_with("/sync");
      })) {
    operation = [&store = store_, &scheduler = life_.scheduler(), operations]() -> DcsResult<dcs::TxnResult> {
      scheduler.after(20s, [&store, operations] { (void)store.txn({}, operations); });
      return dcs::TxnResult{.succeeded = true, .revision = store.revision() + 1};
    };
  }
  auto result = co_await call<dcs::TxnResult>(std::move(operation), timeout);
  if (bugs_.is("lost-reply-taken-for-done") && !result && result.error().kind == ErrorKind::unreachable) {
    co_return dcs::TxnResult{.succeeded = true, .revision = store_.revision()};
  }
  co_return result;
}

awaitable<DcsResult<dcs::LeaseGrant>> SimDcs::lease_grant(Duration ttl, Duration timeout) {
  return call<dcs::LeaseGrant>([&store = store_, ttl]() -> DcsResult<dcs::LeaseGrant> { return store.grant(ttl); },
                               timeout);
}

awaitable<DcsResult<Duration>> SimDcs::lease_keepalive(dcs::LeaseId id, Duration timeout) {
  if (bugs_.is("renewal-not-sent")) co_return co_await renew_later(id, timeout);
  std::function<DcsResult<Duration>()> operation = [&store = store_, id] { return store.keepalive(id); };
  auto result = co_await call<Duration>(std::move(operation), timeout);
  const bool gone = !result && result.error().kind == ErrorKind::lease_gone;
  if (gone && bugs_.is("lost-lease-taken-for-held")) co_return 30s;
  co_return result;
}

// For an injected bug: the deadline is counted from now, but the lease is renewed only later.
awaitable<DcsResult<Duration>> SimDcs::renew_later(dcs::LeaseId id, Duration timeout) {
  (void)timeout;
  life_.scheduler().after(8s, [&store = store_, &network = network_, node = node_, endpoint = endpoint_, id] {
    if (store.up() && network.open(node, endpoint)) (void)store.keepalive(id);
  });
  co_return 30s;
}

awaitable<DcsResult<void>> SimDcs::lease_revoke(dcs::LeaseId id, Duration timeout) {
  return call<void>(
      [&store = store_, id]() -> DcsResult<void> {
        store.revoke(id);
        return {};
      },
      timeout);
}

awaitable<DcsError> SimDcs::watch(std::string prefix, dcs::Revision from,
                                  std::function<void(dcs::WatchBatch)> on_batch) {
  const auto stream = std::make_shared<SimStore::Stream>();
  stream->node = node_;
  stream->prefix = std::move(prefix);
  stream->next = from;
  const auto opened = co_await call<void>(
      [&store = store_, weak = std::weak_ptr(stream)]() -> DcsResult<void> {
        if (const auto waiting = weak.lock()) store.open_stream(waiting);
        return {};
      },
      5s);
  if (!opened) co_return opened.error();
  for (;;) {
    while (!stream->inbox.empty()) {
      auto batch = std::move(stream->inbox.front());
      stream->inbox.pop_front();
      if (bugs_.is("watch-loses-events") && batch.revision % 10 == 0) continue;
      for (auto& event : batch.events) hide(event.kv, bugs_, node_);
      on_batch(std::move(batch));
    }
    if (stream->error) co_return *stream->error;
    stream->parked = life_.parked();
    co_await life_.wait(stream->parked, never);
  }
}

}  // namespace tamada::sim
