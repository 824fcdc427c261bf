// restapi.allowlist: from where requests that change something may come.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "net/asio.h"

namespace tamada::api {

class Allowlist {
 public:
  Allowlist() = default;
  // Addresses, networks ("10.0.0.0/8"), names. Names are resolved here, blocking: for start and reload. What cannot be
  // used is left out and told in `problems`, as Patroni does; a list of nothing else lets nobody in.
  Allowlist(const std::vector<std::string>& entries, std::vector<std::string>& problems);

  bool empty() const { return !given_; }  // then everybody is let in
  bool contains(std::string_view address) const;

 private:
  struct Network {
    asio::ip::address address;
    unsigned prefix_bits;
  };
  bool given_ = false;
  std::vector<Network> networks_;
};

// Whether one of the hosts, names or addresses, is `address`; asks the resolver 2 s at most.
awaitable<bool> resolves_to(std::vector<std::string> hosts, std::string address);

}  // namespace tamada::api
