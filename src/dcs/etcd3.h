// Implements Dcs on etcd v3, through etcd's JSON gateway.
#pragma once

#include <memory>
#include <string>

#include "config/sections/etcd.h"
#include "dcs/dcs.h"
#include "dcs/listing.h"

namespace tamada::dcs {

class EtcdTransport;

// Must outlive its coroutines, and is used by one thread.
class Etcd3 final : public Dcs, public Listing {
 public:
  static core::Result<std::unique_ptr<Etcd3>> create(const config::Etcd& options, bool for_listing = false);
  ~Etcd3() override;

  awaitable<DcsResult<Range>> range(std::string prefix, Revision min_mod_revision, Duration timeout) override;
  awaitable<DcsResult<Range>> range_after(std::string prefix, std::string after, int limit, Duration timeout) override;
  awaitable<DcsResult<Range>> names_after(std::string prefix, std::string after, int limit, Duration timeout) override;
  // A transaction is never sent twice, so `unreachable` means that it may have happened.
  awaitable<DcsResult<TxnResult>> txn(std::vector<Compare> compares, std::vector<Operation> operations,
                                      Duration timeout) override;
  awaitable<DcsResult<LeaseGrant>> lease_grant(Duration ttl, Duration timeout) override;
  awaitable<DcsResult<Duration>> lease_keepalive(LeaseId id, Duration timeout) override;
  awaitable<DcsResult<void>> lease_revoke(LeaseId id, Duration timeout) override;
  Duration clock_ahead() const override;
  awaitable<DcsError> watch(std::string prefix, Revision from, std::function<void(WatchBatch)> on_batch) override;
  std::string certificate_trouble() const override;

 private:
  explicit Etcd3(std::unique_ptr<EtcdTransport> transport);
  std::unique_ptr<EtcdTransport> transport_;
};

}  // namespace tamada::dcs
