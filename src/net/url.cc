#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "net/http_client.h"

namespace tamada::net {

core::Result<Url> Url::parse(std::string_view text) {
  auto bad = [text](std::string_view why) { return core::fail(fmt::format("not a usable URL: '{}': {}", text, why)); };
  auto colon = text.find("://");
  if (colon == text.npos) return bad("it must begin with http:// or https://");
  Url url;
  url.scheme = text.substr(0, colon);
  if (url.scheme != "http" && url.scheme != "https") return bad("it must begin with http:// or https://");
  auto rest = text.substr(colon + 3);
  auto slash = std::min(rest.find_first_of("/?#"), rest.size());
  url.path = rest.substr(slash);
  auto authority = rest.substr(0, slash);
  // A password in a URL would appear in messages, so it is refused.
  if (authority.contains('@')) return core::fail("not a usable URL: user and password do not belong into it");
  if (authority.starts_with('[')) {
    auto end = authority.find(']');
    if (end == authority.npos) return bad("']' is missing");
    url.host = authority.substr(1, end - 1);
    authority.remove_prefix(end + 1);
    if (!authority.empty() && authority.front() != ':') return bad("a port is expected after ']'");
  } else {
    auto end = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, end);
    authority.remove_prefix(end);
  }
  if (url.host.empty()) return bad("the host is missing");
  if (std::ranges::any_of(text, [](unsigned char c) { return c <= ' ' || c == 0x7f; })) return bad("it holds a blank");
  if (authority.size() <= 1) {
    url.port = url.scheme == "https" ? "443" : "80";
    return url;
  }
  url.port = authority.substr(1);
  std::uint16_t number = 0;
  const char* last = url.port.data() + url.port.size();
  auto [end, error] = std::from_chars(url.port.data(), last, number);
  if (error != std::errc() || end != last || number == 0) return bad("the port is no number from 1 to 65535");
  return url;
}

std::string Url::authority() const {
  const bool v6 = host.contains(':');
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

}  // namespace tamada::net
