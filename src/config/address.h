// Addresses as host:port, in the form of Patroni's files.
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

// Reads "a,b:5432", "[::1]:5432", "*:5432". An address without a port gets the default port; it is an error if that is
// empty.
core::Result<Addresses> parse_addresses(std::string_view text, std::string_view default_port);

// For URLs, in which an IPv6 address has brackets.
std::string host_and_port(const std::string& host, const std::string& port);

struct Url {
  std::string scheme, username, password, host, port;
};
// scheme://[user[:password]@]host[:port][/...]
core::Result<Url> parse_url(std::string_view text, std::string_view default_port);

}  // namespace tamada::config
