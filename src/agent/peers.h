// Asking the other members over REST.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/observation.h"
#include "net/asio.h"

namespace tamada::agent {

class Peers {
 public:
  virtual ~Peers() = default;
  // GET /patroni of each, side by side; one that has not answered within `timeout` is unreachable.
  virtual awaitable<std::map<std::string, core::PeerView>> poll(std::vector<core::Member> members,
                                                                core::Duration timeout) = 0;
  // Whether another daemon than this one answers there as a live one.
  virtual awaitable<bool> alive(std::string api_url, core::Duration timeout) = 0;
};

}  // namespace tamada::agent
