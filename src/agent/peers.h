// Asking the other members over REST.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/observation.h"
#include "net/asio.h"
#include "net/http.h"

namespace tamada::agent {

struct FailsafeAnswer {
  bool reachable = false;
  bool accepted = false;
  std::optional<core::Lsn> lsn = {};  // received and replayed
  std::string text;
};
FailsafeAnswer failsafe_answer(const net::HttpResponse& response);

class Peers {
 public:
  virtual ~Peers() = default;
  // Sends GET /patroni to each member at once. A member that has not answered within `timeout` counts as unreachable.
  virtual awaitable<std::map<std::string, core::PeerView>> poll(std::vector<core::Member> members,
                                                                core::Duration timeout) = 0;
  // Sends POST /failsafe to each member (name -> api_url) at once, as a primary that has lost the DCS.
  virtual awaitable<std::map<std::string, FailsafeAnswer>> failsafe(std::map<std::string, std::string> members,
                                                                    core::FailsafeLeader leader,
                                                                    core::Duration timeout) = 0;
  // Whether another daemon than this one answers there, and is alive.
  virtual awaitable<bool> alive(std::string api_url, core::Duration timeout) = 0;
};

}  // namespace tamada::agent
