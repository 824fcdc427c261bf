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

  // Loads the keys and follows them, for ever; `wake` after every change.
  awaitable<void> follow(std::function<void()> wake);
  // Each request's limit. A lease is asked for with this ttl.
  void limits(core::Duration ttl, core::Duration retry_timeout);

  // What one decision asks for: once the DCS has not answered, the rest of it is not sent, so that a decision never
  // waits for more than one request; and not longer than until the next decision is due.
  void begin_round(std::optional<core::Instant> until);

  const core::ClusterView& view() const { return cache_.view(); }
  core::LeaseView lease() const { return lease_; }
  core::DcsView dcs() const { return dcs_view_; }
  std::int64_t last_seen_unix() const { return last_seen_unix_; }

  // Each of these notes success or failure in dcs() and lease(), and its own writes in view(). A lost comparison is no
  // failure: the keys are read again, and the next decision sees why.
  awaitable<void> ensure_lease();
  awaitable<void> renew_lease();
  awaitable<void> revoke_lease();
  awaitable<void> acquire_leader(core::AcquireLeader acquire);
  awaitable<void> release_leader(std::optional<core::Lsn> optime);
  awaitable<void> publish_member(core::Member record);
  awaitable<void> race_initialize();
  awaitable<void> cancel_initialize();
  awaitable<void> write_initialize(std::string system_identifier);
  // The leader's keys: compare that the leader key is still ours.
  awaitable<void> write_as_leader(std::string key, std::string value);
  awaitable<void> write_status(core::Status status);
  // As the leader, and comparing the key's own revision besides: true when it was written.
  awaitable<core::Result<bool>> write_sync(core::SyncState state);
  awaitable<core::Result<bool>> delete_sync(core::Revision expected);
  // Comparing the key's own revision, by anybody: true when it was written.
  awaitable<core::Result<bool>> write_compared(std::string key, std::string value, core::Revision expected);
  awaitable<core::Result<bool>> delete_compared(std::string key, core::Revision expected);

 private:
  template <class T>
  bool note(const dcs::DcsResult<T>& result);
  awaitable<bool> load();
  awaitable<void> replace_lease();
  core::Duration limit() const;
  // A request of a decision. One that still has no answer when the key /config changes is given up: the change may end
  // what the decision was for, as the end of a pause does.
  template <class T>
  awaitable<dcs::DcsResult<T>> ask(awaitable<dcs::DcsResult<T>> request);
  awaitable<void> configuration_changed(std::shared_ptr<net::Event> told, core::Instant not_before);
  // Done as one transaction; on success the cache has the operations.
  awaitable<core::Result<bool>> transact(std::vector<dcs::Compare> compares, std::vector<dcs::Operation> operations);
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
  std::vector<std::weak_ptr<net::Event>> asking_;  // requests that a change of the key /config gives up
};

}  // namespace tamada::agent
