// host:port, as Patroni's files write it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace tamada::config {

struct Addresses {
  std::vector<std::string> hosts;  // IPv6 without its brackets
  std::string port;
};

// "a,b:5432", "[::1]:5432", "*:5432". Without a port the default port is used; if that is empty, an error.
core::Result<Addresses> parse_addresses(std::string_view text, std::string_view default_port);

// For URLs: IPv6 gets its brackets back.
std::string host_and_port(const std::string& host, const std::string& port);

struct Url {
  std::string scheme, username, password, host, port;
};
// scheme://[user[:password]@]host[:port][/...]
core::Result<Url> parse_url(std::string_view text, std::string_view default_port);

}  // namespace tamada::config
