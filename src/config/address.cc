#include "config/address.h"

#include <fmt/format.h>

#include "wire/json.h"

namespace tamada::config {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_port(std::string_view text) {
  const auto number = wire::integer_of(text);
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos && number && *number >= 1 &&
         *number <= 65535;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto hex = [&](std::size_t at) {
      return at < text.size() ? std::string_view("0123456789abcdef").find(static_cast<char>(text[at] | 0x20))
                              : text.npos;
    };
    if (text[i] == '%' && hex(i + 1) != text.npos && hex(i + 2) != text.npos) {
      out += static_cast<char>(hex(i + 1) * 16 + hex(i + 2));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

core::Result<Addresses> parse_addresses(std::string_view text, std::string_view default_port) {
  text = trimmed(text);
  Addresses result;
  std::string_view hosts = text;
  const auto colon = text.rfind(':');
  if (colon != text.npos && !text.ends_with(']')) {
    hosts = text.substr(0, colon);
    result.port = trimmed(text.substr(colon + 1));
  } else {
    result.port = default_port;
  }
  if (!is_port(result.port))
    return core::fail(fmt::format("'{}' has no port; allowed: host:port, port 1 to 65535", text));
  while (true) {
    const auto comma = hosts.find(',');
    auto host = trimmed(hosts.substr(0, comma));
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host.empty()) return core::fail(fmt::format("'{}' has an empty host; allowed: host:port", text));
    if (host.find_first_of("/ @[]") != host.npos) {
      return core::fail(fmt::format("'{}' is not a host name or an address; allowed: host:port", host));
    }
    result.hosts.emplace_back(host);
    if (comma == hosts.npos) return result;
    hosts.remove_prefix(comma + 1);
  }
}

std::string host_and_port(const std::string& host, const std::string& port) {
  return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

core::Result<Url> parse_url(std::string_view text, std::string_view default_port) {
  const auto wrong = [&](std::string_view why) {
    return core::fail(fmt::format("'{}' {}; allowed: http://host:port, https://host:port", text, why));
  };
  Url url;
  const auto scheme_end = text.find("://");
  if (scheme_end == text.npos) return wrong("is not a URL");
  url.scheme = text.substr(0, scheme_end);
  if (url.scheme != "http" && url.scheme != "https") return wrong("is neither http nor https");
  auto authority = text.substr(scheme_end + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (const auto at = authority.rfind('@'); at != authority.npos) {
    const auto user = authority.substr(0, at);
    const auto colon = user.find(':');
    url.username = percent_decoded(user.substr(0, colon));
    if (colon != user.npos) url.password = percent_decoded(user.substr(colon + 1));
    authority.remove_prefix(at + 1);
  }
  auto address = parse_addresses(authority, default_port);
  if (!address) return std::unexpected(address.error());
  if (address->hosts.size() != 1) return wrong("names several hosts");
  url.host = address->hosts.front();
  url.port = address->port;
  return url;
}

}  // namespace tamada::config
