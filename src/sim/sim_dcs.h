// A store as strict as etcd v3. It has revisions, transactions, and leases that end by the store's own clock. Its
// watches lag, break, and must be resumed. Source: https://etcd.io/docs/v3.4/learning/api/
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "dcs/dcs.h"
#include "sim/bugs.h"
#include "sim/network.h"
#include "sim/scheduler.h"
#include "sim/trace.h"

namespace tamada::sim {

// The server. It outlives every daemon.
class SimStore {
 public:
  SimStore(Scheduler& scheduler, Random& random, Network& network, Trace& trace, int endpoint)
      : scheduler_(scheduler), random_(random), network_(network), trace_(trace), endpoint_(endpoint) {}

  // ---- requests of clients
  dcs::Range range(const std::string& prefix, dcs::Revision min_mod_revision) const;
  dcs::DcsResult<dcs::TxnResult> txn(const std::vector<dcs::Compare>& compares,
                                     const std::vector<dcs::Operation>& operations);
  dcs::LeaseGrant grant(Duration ttl);
  dcs::DcsResult<Duration> keepalive(const dcs::LeaseId& id);
  void revoke(dcs::LeaseId id);

  struct Stream {
    int node = 0;
    std::string prefix;
    dcs::Revision next = 0;
    std::deque<dcs::WatchBatch> inbox;  // batches that have arrived, and that the client has not taken yet
    std::optional<dcs::DcsError> error;
    std::shared_ptr<Parked> parked;
    Time last_arrival{};
    bool retrying = false, broken = false;
    void wake() {
      if (parked) parked->wake();
    }
  };
  void open_stream(const std::shared_ptr<Stream>& stream);

  // ---- faults
  bool up() const { return up_; }
  Time up_since() const { return up_since_; }
  bool refuses() const { return refuses_; }  // an outage in which requests fail at once
  void stop(bool refuses);
  void start();          // after an outage or an election every lease lives for its whole ttl again
  void change_leader();  // without an outage
  void wipe();
  void revoke_by_hand(dcs::LeaseId id);  // the keys disappear at once, and their owner may not learn of it
  void compact() { compacted_ = revision_; }
  void break_streams();
  Duration watch_lag{};  // the maximum delay of a batch of the watch

  // ---- for the checker and the faults, which see the true state
  dcs::Revision revision() const { return revision_; }
  const dcs::KeyValue* find(const std::string& key) const;
  // Whether the keys of a lease that has ended, or all keys, are being removed. No client deletes them.
  bool removing() const { return removing_; }
  std::optional<Time> taken_by_hand_at() const {
    return taken_by_hand_at_;
  }  // when all keys, or those of a lease, were last deleted by hand
  std::function<void(const dcs::KeyValue& kv, bool deleted)> on_change;

 private:
  struct Lease {
    Duration ttl{};
    Time expires{};
    std::set<std::string> keys;
  };
  // Compares the names, which are increasing numbers, so that leases are in the order in which they were granted.
  struct AsGranted {
    bool operator()(const dcs::LeaseId& a, const dcs::LeaseId& b) const {
      const auto &x = a.name(), &y = b.name();
      return x.size() != y.size() ? x.size() < y.size() : x < y;
    }
  };
  bool holds(const dcs::Compare& compare) const;
  void put(const dcs::Put& put);
  bool erase(const std::string& key);
  void expect_expiry(const dcs::LeaseId& id);
  void pump(const std::shared_ptr<Stream>& stream);
  void pump_all();

  Scheduler& scheduler_;
  Random& random_;
  Network& network_;
  Trace& trace_;
  int endpoint_;
  Time up_since_{};
  bool up_ = true, refuses_ = false, removing_ = false;
  std::optional<Time> taken_by_hand_at_;
  dcs::Revision revision_ = 1, compacted_ = 0;
  int last_lease_ = 1000;
  std::map<std::string, dcs::KeyValue> keys_;
  std::map<dcs::LeaseId, Lease, AsGranted> leases_;
  std::vector<dcs::WatchEvent> log_;
  std::vector<std::weak_ptr<Stream>> streams_;
};

// One daemon's connection to the store.
class SimDcs final : public dcs::Dcs {
 public:
  SimDcs(Life& life, SimStore& store, Network& network, const Bugs& bugs, int node, int endpoint)
      : life_(life), store_(store), network_(network), bugs_(bugs), node_(node), endpoint_(endpoint) {}

  awaitable<dcs::DcsResult<dcs::Range>> range(std::string prefix, dcs::Revision min_mod_revision,
                                              Duration timeout) override;
  awaitable<dcs::DcsResult<dcs::TxnResult>> txn(std::vector<dcs::Compare> compares,
                                                std::vector<dcs::Operation> operations, Duration timeout) override;
  awaitable<dcs::DcsResult<dcs::LeaseGrant>> lease_grant(Duration ttl, Duration timeout) override;
  awaitable<dcs::DcsResult<Duration>> lease_keepalive(dcs::LeaseId id, Duration timeout) override;
  awaitable<dcs::DcsResult<void>> lease_revoke(dcs::LeaseId id, Duration timeout) override;
  awaitable<dcs::DcsError> watch(std::string prefix, dcs::Revision from,
                                 std::function<void(dcs::WatchBatch)> on_batch) override;

 private:
  template <class T>
  awaitable<dcs::DcsResult<T>> call(std::function<dcs::DcsResult<T>()> operation, Duration timeout);

  awaitable<dcs::DcsResult<Duration>> renew_later(dcs::LeaseId id, Duration timeout);

  Life& life_;
  SimStore& store_;
  Network& network_;
  const Bugs& bugs_;
  int node_, endpoint_;
};

}  // namespace tamada::sim
