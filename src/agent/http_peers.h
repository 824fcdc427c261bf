#pragma once

#include <optional>

#include "agent/peers.h"
#include "config/config.h"
#include "net/stream.h"

namespace tamada::agent {

class HttpPeers final : public Peers {
 public:
  explicit HttpPeers(const config::RestApi& own);
  awaitable<std::map<std::string, core::PeerView>> poll(std::vector<core::Member> members,
                                                        core::Duration timeout) override;
  awaitable<bool> alive(std::string api_url, core::Duration timeout) override;

 private:
  awaitable<core::PeerView> ask(core::Member member, core::Duration timeout);
  net::TlsClient tls_;
};

}  // namespace tamada::agent
