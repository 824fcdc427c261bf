// restapi.allowlist: the addresses from which requests that change something are accepted.
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
  // Entries are addresses, networks ("10.0.0.0/8") and names. Names are resolved here, which blocks, so this is called
  // only at the start and at a reload. As in Patroni, entries that cannot be used are left out and reported in
  // `problems`; a list without a usable entry lets nobody in.
  Allowlist(const std::vector<std::string>& entries, std::vector<std::string>& problems);

  bool empty() const { return !given_; }  // true: every address is accepted
  bool contains(std::string_view address) const;

 private:
  struct Network {
    asio::ip::address address;
    unsigned prefix_bits;
  };
  bool given_ = false;
  std::vector<Network> networks_;
};

// Whether one of the hosts, names or addresses, is `address`. The resolver gets 2 s at most.
awaitable<bool> resolves_to(std::vector<std::string> hosts, std::string address);

}  // namespace tamada::api
