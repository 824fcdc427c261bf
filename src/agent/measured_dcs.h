// Measures how long each request to a Dcs takes.
#pragma once

#include "api/telemetry.h"
#include "dcs/dcs.h"
#include "net/clock.h"

namespace tamada::agent {

class MeasuredDcs final : public dcs::Dcs {
 public:
  // The arguments must outlive this object.
  MeasuredDcs(dcs::Dcs& inner, const net::Clock& clock, api::Telemetry& telemetry)
      : inner_(inner), clock_(clock), telemetry_(telemetry) {}

  awaitable<dcs::DcsResult<dcs::Range>> range(std::string prefix, core::Revision min_mod_revision,
                                              core::Duration timeout) override {
    return measured("range", inner_.range(std::move(prefix), min_mod_revision, timeout));
  }
  awaitable<dcs::DcsResult<dcs::TxnResult>> txn(std::vector<dcs::Compare> compares,
                                                std::vector<dcs::Operation> operations,
                                                core::Duration timeout) override {
    return measured("txn", inner_.txn(std::move(compares), std::move(operations), timeout));
  }
  awaitable<dcs::DcsResult<dcs::LeaseGrant>> lease_grant(core::Duration ttl, core::Duration timeout) override {
    return measured("lease_grant", inner_.lease_grant(ttl, timeout));
  }
  awaitable<dcs::DcsResult<core::Duration>> lease_keepalive(core::LeaseId id, core::Duration timeout) override {
    return measured("lease_keepalive", inner_.lease_keepalive(id, timeout));
  }
  awaitable<dcs::DcsResult<void>> lease_revoke(core::LeaseId id, core::Duration timeout) override {
    return measured("lease_revoke", inner_.lease_revoke(id, timeout));
  }
  core::Duration clock_ahead() const override { return inner_.clock_ahead(); }
  awaitable<dcs::DcsError> watch(std::string prefix, core::Revision from,
                                 std::function<void(dcs::WatchBatch)> on_batch) override {
    return inner_.watch(std::move(prefix), from, std::move(on_batch));
  }

 private:
  template <class T>
  awaitable<dcs::DcsResult<T>> measured(const char* operation, awaitable<dcs::DcsResult<T>> request) {
    const auto began = clock_.now();
    auto result = co_await std::move(request);
    telemetry_.dcs_requests[operation].observe(clock_.now() - began);
    if (!result) ++telemetry_.dcs_errors[operation];
    co_return result;
  }

  dcs::Dcs& inner_;
  const net::Clock& clock_;
  api::Telemetry& telemetry_;
};

}  // namespace tamada::agent
