#pragma once

#include <optional>
#include <string>

#include "agent/peers.h"
#include "config/local.h"
#include "net/stream.h"

namespace tamada::agent {

// How members reach each other's REST API over TLS, by Patroni's rules: certificates are verified only when the section
// `ctl` has one of ours, and never for the name. Where it has none, the REST API's own certificate is shown.
net::TlsClient peer_tls(const config::Local& local);

// The header Authorization of requests that change something; empty: no password is asked for. What our own API asks
// for, the others' do too.
std::string peer_authorization(const config::Local& local);

class HttpPeers final : public Peers {
 public:
  // tls: see peer_tls; instance: what our own REST API says in the header `instance_header`; by it we know ourselves,
  // behind whatever proxy.
  HttpPeers(net::TlsClient tls, std::string authorization, std::string instance);
  void configure(net::TlsClient tls, std::string authorization) {
    if (tls != tls_) tls_ = std::move(tls);  // else with what was read of its files
    authorization_ = std::move(authorization);
  }
  std::string certificate_trouble() const { return net::certificate_trouble(tls_); }
  static constexpr auto instance_header = "Tamada-Instance";
  awaitable<std::map<std::string, core::PeerView>> poll(std::vector<core::Member> members,
                                                        core::Duration timeout) override;
  awaitable<std::map<std::string, FailsafeAnswer>> failsafe(std::map<std::string, std::string> members,
                                                            core::FailsafeLeader leader,
                                                            core::Duration timeout) override;
  awaitable<bool> alive(std::string api_url, core::Duration timeout) override;

 private:
  awaitable<core::PeerView> ask(core::Member member, core::Duration timeout);
  awaitable<FailsafeAnswer> ask_failsafe(std::string api_url, std::string body, core::Duration timeout);

  net::TlsClient tls_;
  std::string authorization_;
  std::string instance_;
};

}  // namespace tamada::agent
