#include "api/allowlist.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <charconv>
#include <span>

#include "net/expiry.h"

namespace tamada::api {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

constexpr auto resolve_timeout = std::chrono::seconds(2);

unsigned bits_of(const asio::ip::address& address) { return address.is_v4() ? 32 : 128; }

bool same_bits(std::span<const unsigned char> a, std::span<const unsigned char> b, unsigned bits) {
  if (a.size() != b.size()) return false;
  const unsigned whole = bits / 8, rest = bits % 8;
  if (!std::ranges::equal(a.first(whole), b.first(whole))) return false;
  if (rest == 0) return true;
  const auto mask = static_cast<unsigned char>(0xff << (8 - rest));
  return (a[whole] & mask) == (b[whole] & mask);
}

bool same_network(const asio::ip::address& a, const asio::ip::address& b, unsigned bits) {
  if (a.is_v4() != b.is_v4()) return false;
  return a.is_v4() ? same_bits(a.to_v4().to_bytes(), b.to_v4().to_bytes(), bits)
                   : same_bits(a.to_v6().to_bytes(), b.to_v6().to_bytes(), bits);
}

// ::ffff:a.b.c.d is how a socket for both families shows a.b.c.d.
asio::ip::address as_v4_if_mapped(const asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

}  // namespace

Allowlist::Allowlist(const std::vector<std::string>& entries, std::vector<std::string>& problems)
    : given_(!entries.empty()) {
  asio::io_context io;
  for (const auto& entry : entries) {
    error_code error;
    const auto slash = entry.find('/');
    const auto written = asio::ip::make_address(entry.substr(0, slash), error);
    const auto address = error ? written : as_v4_if_mapped(written);
    const unsigned cut = bits_of(written) - bits_of(address);  // ::ffff:10.0.0.0/104 is 10.0.0.0/8
    if (slash != entry.npos) {
      unsigned bits = 0;
      const auto* last = entry.data() + entry.size();
      const auto [end, bad] = std::from_chars(entry.data() + slash + 1, last, bits);
      if (error || bad != std::errc{} || end != last || bits > bits_of(written) || bits < cut) {
        problems.push_back(fmt::format("restapi.allowlist: '{}' is no network; allowed: 10.0.0.0/8, fd00::/8", entry));
      } else {
        networks_.push_back({address, bits - cut});
      }
      continue;
    }
    if (!error) {
      networks_.push_back({address, bits_of(address)});
      continue;
    }
    for (const auto& found : tcp::resolver(io).resolve(entry, "", error))
      networks_.push_back({found.endpoint().address(), bits_of(found.endpoint().address())});
    if (error) problems.push_back(fmt::format("restapi.allowlist: cannot resolve {}: {}", entry, error.message()));
  }
}

bool Allowlist::contains(std::string_view text) const {
  error_code error;
  const auto address = as_v4_if_mapped(asio::ip::make_address(text, error));
  return !error && std::ranges::any_of(networks_, [&](const Network& network) {
    return same_network(network.address, address, network.prefix_bits);
  });
}

awaitable<bool> resolves_to(std::vector<std::string> hosts, std::string text) {
  error_code error;
  const auto address = as_v4_if_mapped(asio::ip::make_address(text, error));
  if (error) co_return false;
  std::vector<std::string> names;
  for (auto& host : hosts) {
    const auto literal = asio::ip::make_address(host, error);
    if (!error && as_v4_if_mapped(literal) == address) co_return true;
    if (error) names.push_back(std::move(host));
  }
  // The resolver is shared, because getaddrinfo cannot be interrupted and a late answer may come when nobody waits any
  // more.
  const auto resolver = std::make_shared<tcp::resolver>(co_await asio::this_coro::executor);
  const net::Expiry limit(resolver->get_executor(), resolve_timeout, [resolver] { resolver->cancel(); });
  for (const auto& name : names) {
    if (limit.expired()) co_return false;
    const auto [failed, found] = co_await resolver->async_resolve(name, "", asio::as_tuple(use_awaitable));
    if (failed) continue;
    if (std::ranges::any_of(found, [&](const auto& one) { return one.endpoint().address() == address; }))
      co_return true;
  }
  co_return false;
}

}  // namespace tamada::api
