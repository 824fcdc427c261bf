// The cluster's keys as the agent uses them: a cache kept current by one watch, the lease, and fenced writes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/action.h"
#include "core/observation.h"
#include "dcs/cluster_cache.h"
#include "dcs/dcs.h"
#include "net/clock.h"
#include "net/event.h"

namespace tamada::agent {

class ClusterStore {
 public:
  ClusterStore(asio::any_io_executor executor, dcs::Dcs& dcs, net::Clock& clock, std::string prefix, std::string self);

  // Loads the keys and follows their changes until it is cancelled; calls `wake` after every change.
  awaitable<void> follow(std::function<void()> wake);
  // The time limit of each request, and the ttl of new leases.
  void limits(core::Duration ttl, core::Duration retry_timeout);

  // Begins the requests of one decision. After a request that got no answer the others are not sent. So a decision
  // waits for one unanswered request at most, and not beyond `until`, when the next decision is due.
  void begin_round(std::optional<core::Instant> until);

  const core::ClusterView& view() const { return cache_.view(); }
  core::LeaseView lease() const { return lease_; }
  core::DcsView dcs() const { return dcs_view_; }
  std::int64_t last_seen_unix() const { return last_seen_unix_; }
  core::Instant last_ok() const { return dcs_view_.last_ok; }

  // Each of these notes success or failure in dcs() and lease(), and its own writes in view(). A transaction whose
  // comparison did not hold is no failure: the keys are read again, and the next decision sees them.
  awaitable<void> ensure_lease();
  awaitable<void> renew_lease();
  awaitable<void> revoke_lease();
  awaitable<void> acquire_leader(core::AcquireLeader acquire);
  awaitable<void> release_leader(std::optional<core::Lsn> optime);
  awaitable<void> publish_member(core::Member record);
  awaitable<void> race_initialize();
  awaitable<void> cancel_initialize();
  awaitable<void> write_initialize(std::string system_identifier);
  // The leader's keys. Each write compares that the leader key is still ours.
  awaitable<void> write_as_leader(std::string key, std::string value);
  awaitable<void> write_status(core::Status status);
  // Writes as the leader, and also compares the key's own revision. Returns true when the key was written.
  awaitable<core::Result<bool>> write_sync(core::SyncState state);
  awaitable<core::Result<bool>> delete_sync(core::Revision expected);
  // Writes as any member; compares the key's own revision. Returns true when the key was written.
  awaitable<core::Result<bool>> write_compared(std::string key, std::string value, core::Revision expected);
  awaitable<core::Result<bool>> delete_compared(std::string key, core::Revision expected);

  // For requests of the REST API. They belong to no decision: they are sent even if a decision's request has just
  // failed, and if they fail themselves, only the client is told.
  // Returns the keys as the DCS holds them now, and shows them in view().
  awaitable<core::Result<core::ClusterView>> read_keys();
  // Writes the key, or deletes it if there is no value. Compares its revision, and returns false if it has another.
  awaitable<core::Result<bool>> change(std::string key, std::optional<std::string> value, core::Revision expected);

 private:
  template <class T>
  bool note(const dcs::DcsResult<T>& result);
  awaitable<bool> load();
  awaitable<void> replace_lease();
  core::Duration limit() const;
  // Sends a request of a decision. It is given up if the key /config changes before it is answered: the change, such as
  // the end of a pause, may have made the decision wrong.
  template <class T>
  awaitable<dcs::DcsResult<T>> ask(awaitable<dcs::DcsResult<T>> request);
  awaitable<void> configuration_changed(std::shared_ptr<net::Event> told, core::Instant not_before);
  // Performs one transaction; if it succeeds, its writes are in the cache.
  awaitable<core::Result<bool>> transact(std::vector<dcs::Compare> compares, std::vector<dcs::Operation> operations);
  void show(std::vector<dcs::Operation> written, core::Revision revision);
  void give_up_older_requests(core::Revision configuration_before);
  std::vector<dcs::Compare> still_leader() const;
  std::string full(std::string_view key) const { return prefix_ + std::string(key); }

  asio::any_io_executor executor_;
  dcs::Dcs& dcs_;
  net::Clock& clock_;
  std::string prefix_, self_;
  dcs::ClusterCache cache_;
  core::LeaseView lease_;
  core::DcsView dcs_view_;
  std::int64_t last_seen_unix_ = 0;
  core::Duration ttl_ = std::chrono::seconds(30);
  core::Duration timeout_ = std::chrono::seconds(5);
  bool round_failed_ = false;
  std::optional<core::Instant> round_until_;
  bool missed_before_ = false;
  net::Event watch_is_stale_;
  std::vector<std::weak_ptr<net::Event>> asking_;  // requests that are given up when the key /config changes
};

}  // namespace tamada::agent
