#pragma once

#include <optional>
#include <string>

#include "agent/peers.h"
#include "config/config.h"
#include "net/stream.h"

namespace tamada::agent {

class HttpPeers final : public Peers {
 public:
  // instance: what our own REST API says in the header `instance_header`; by it we know ourselves, behind whatever
  // proxy.
  HttpPeers(const config::RestApi& own, std::string instance);
  static constexpr auto instance_header = "Tamada-Instance";
  awaitable<std::map<std::string, core::PeerView>> poll(std::vector<core::Member> members,
                                                        core::Duration timeout) override;
  awaitable<bool> alive(std::string api_url, core::Duration timeout) override;

 private:
  awaitable<core::PeerView> ask(core::Member member, core::Duration timeout);
  net::TlsClient tls_;
  std::string instance_;
};

}  // namespace tamada::agent
