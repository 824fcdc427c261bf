#pragma once

#include <optional>
#include <string>

#include "agent/peers.h"
#include "config/local.h"
#include "net/stream.h"

namespace tamada::agent {

// How members reach each other's REST API over TLS. As in Patroni, a certificate is verified only if the section `ctl`
// names a CA, and the host name is never compared. If `ctl` names no certificate, this node presents the certificate of
// its REST API.
net::TlsClient peer_tls(const config::Local& local);

// The header Authorization of requests that change something; empty when no password is configured. The other members
// are assumed to have the same password as this node.
std::string peer_authorization(const config::Local& local);

class HttpPeers final : public Peers {
 public:
  // tls: see peer_tls. instance: the value that our own REST API sends in the header `instance_header`. By that value
  // this daemon recognizes its own answer, even through a proxy.
  HttpPeers(net::TlsClient tls, std::string authorization, std::string instance);
  void configure(net::TlsClient tls, std::string authorization) {
    if (tls != tls_) tls_ = std::move(tls);  // if they are equal, the certificates that have been read stay in use
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
