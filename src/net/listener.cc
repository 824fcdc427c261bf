#include "net/listener.h"

#include <fmt/format.h>

#include <boost/asio/ip/v6_only.hpp>

namespace tamada::net {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

error_code listen(tcp::acceptor& acceptor, const tcp::endpoint& endpoint, int backlog) {
  error_code ec;
  acceptor.open(endpoint.protocol(), ec);
  if (ec) return ec;
  acceptor.set_option(tcp::acceptor::reuse_address(true), ec);  // so that a restart need not wait for TIME_WAIT
  if (ec) return ec;
  if (endpoint.address().is_v6()) {
    // As under Patroni, "::" accepts IPv4, too, whatever the machine's default is.
    acceptor.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), ec);
    if (ec) return ec;
  }
  acceptor.bind(endpoint, ec);
  if (ec) return ec;
  acceptor.listen(backlog > 0 ? backlog : static_cast<int>(tcp::acceptor::max_listen_connections), ec);
  return ec;
}

// Whether this machine lacks the address or its family. Other addresses of the same name may be usable.
bool not_here(const error_code& ec) {
  return ec == asio::error::address_family_not_supported ||
         ec == boost::system::errc::make_error_condition(boost::system::errc::address_not_available);
}

}  // namespace

core::Result<std::vector<tcp::acceptor>> listen_on(asio::any_io_executor executor, const std::string& address,
                                                   const std::string& port, int backlog) {
  auto cannot = [&](const error_code& ec) {
    return core::fail(fmt::format("cannot listen on {}:{}: {}", address, port, ec.message()));
  };
  const bool any = address.empty() || address == "*";
  error_code ec;
  tcp::resolver resolver(executor);
  auto results = any ? resolver.resolve("::", port, tcp::resolver::passive, ec)
                     : resolver.resolve(address, port, tcp::resolver::passive, ec);
  if (ec) return cannot(ec);
  std::vector<tcp::endpoint> endpoints;
  for (const auto& entry : results) endpoints.push_back(entry.endpoint());
  if (any) endpoints.emplace_back(tcp::v4(), endpoints.front().port());

  std::vector<tcp::acceptor> acceptors;
  for (auto endpoint : endpoints) {
    // With port 0 all addresses of the name share the port that the kernel chose for the first.
    if (!acceptors.empty() && endpoint.port() == 0) endpoint.port(acceptors.front().local_endpoint().port());
    tcp::acceptor acceptor(executor);
    ec = listen(acceptor, endpoint, backlog);
    if (ec && !not_here(ec)) return cannot(ec);
    if (ec) continue;
    acceptors.push_back(std::move(acceptor));
    if (any) break;  // "::" has bound both families
  }
  if (acceptors.empty()) return cannot(ec);
  return acceptors;
}

}  // namespace tamada::net
