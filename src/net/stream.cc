#include "net/stream.h"

#include <fmt/format.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <charconv>
#include <vector>

#include "net/boot_timer.h"
#include "net/expiry.h"
#include "net/socket_stream.h"
#include "net/tls.h"

namespace tamada::net {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

std::optional<tcp::endpoint> literal(const std::string& host, const std::string& port) {
  error_code ec;
  auto address = asio::ip::make_address(host, ec);
  std::uint16_t number = 0;
  auto [end, bad] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (ec || bad != std::errc() || end != port.data() + port.size()) return {};
  return tcp::endpoint(address, number);
}

// One call of getaddrinfo, which cannot be interrupted. The coroutine stops waiting by a timer, and this shared state
// takes the late answer.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), answered(executor) {}
  tcp::resolver resolver;
  BootTimer answered;  // cancelled by the answer
  std::optional<error_code> result;
  std::vector<tcp::endpoint> endpoints;

  void take(error_code ec, const tcp::resolver::results_type& results) {
    result = ec;
    for (const auto& entry : results) endpoints.push_back(entry.endpoint());
    answered.cancel();
  }
};

void look_up_apart(std::shared_ptr<Lookup> lookup, std::string host, std::string port, asio::any_io_executor loop) {
  asio::post(lookup_thread(), [lookup = std::move(lookup), host = std::move(host), port = std::move(port),
                               guard = asio::make_work_guard(loop)]() mutable {
    error_code ec;
    tcp::resolver here(lookup_thread());
    auto results = here.resolve(host, port, ec);
    // The guard goes along, because the loop may end with the answer, and the guard refers to the loop.
    const auto to = guard.get_executor();
    asio::post(to, [guard = std::move(guard), lookup = std::move(lookup), ec, results] { lookup->take(ec, results); });
  });
}

awaitable<core::Result<std::vector<tcp::endpoint>>> resolve(std::string host, std::string port, core::Duration timeout,
                                                            bool apart) {
  if (auto endpoint = literal(host, port)) co_return std::vector{*endpoint};
  const asio::any_io_executor loop = co_await asio::this_coro::executor;
  auto lookup = std::make_shared<Lookup>(loop);
  lookup->answered.expires_after(timeout);
  if (apart) {
    look_up_apart(lookup, host, port, loop);
  } else {
    lookup->resolver.async_resolve(host, port, tcp::resolver::flags(),
                                   [lookup](error_code ec, const auto& results) { lookup->take(ec, results); });
  }
  co_await lookup->answered.async_wait(asio::as_tuple(use_awaitable));
  co_await throw_if_cancelled();
  if (!lookup->result) {
    lookup->resolver.cancel();
    co_return core::fail(fmt::format("cannot resolve {}: timed out", host));
  }
  if (*lookup->result) co_return core::fail(fmt::format("cannot resolve {}: {}", host, lookup->result->message()));
  co_return std::move(lookup->endpoints);
}

awaitable<core::Result<tcp::socket>> dial(tcp::endpoint endpoint, core::Duration timeout) {
  tcp::socket socket(co_await asio::this_coro::executor);
  const Expiry deadline(socket.get_executor(), timeout, [&] {
    error_code ignored;
    socket.close(ignored);
  });
  auto [ec] = co_await socket.async_connect(endpoint, asio::as_tuple(use_awaitable));
  co_await throw_if_cancelled();
  if (deadline.expired()) co_return core::fail("timed out");
  if (ec) co_return core::fail(ec.message());
  set_socket_options(socket);
  co_return std::move(socket);
}

awaitable<core::Result<std::unique_ptr<Stream>>> connect_by_name(std::string host, std::string port,
                                                                 const TlsClient* tls, core::Duration timeout,
                                                                 bool apart) {
  const auto until = KernelBootClock::now() + timeout;
  TlsContext context;
  const bool verify = tls && tls->verify && tls->verify_host;
  if (tls) {
    auto made = current_context(*tls);
    if (!made) co_return std::unexpected(made.error());
    context = std::move(*made);
  }
  auto endpoints = co_await resolve(host, port, timeout, apart);
  if (!endpoints) co_return std::unexpected(endpoints.error());
  auto stream = co_await connect_to(std::move(*endpoints), host, context, verify, until - KernelBootClock::now());
  if (!stream) co_return core::fail(fmt::format("cannot connect to {}:{}: {}", host, port, stream.error().what));
  co_return std::move(*stream);
}

}  // namespace

asio::any_io_executor lookup_thread() {
  static asio::thread_pool thread(1);
  return thread.get_executor();
}

awaitable<core::Result<std::unique_ptr<Stream>>> connect(std::string host, std::string port, const TlsClient* tls,
                                                         core::Duration timeout) {
  return connect_by_name(std::move(host), std::move(port), tls, timeout, false);
}

awaitable<core::Result<std::unique_ptr<Stream>>> connect_apart(std::string host, std::string port, const TlsClient* tls,
                                                               core::Duration timeout) {
  return connect_by_name(std::move(host), std::move(port), tls, timeout, true);
}

awaitable<core::Result<std::unique_ptr<Stream>>> connect_to(std::vector<tcp::endpoint> endpoints, std::string host,
                                                            TlsContext context, bool verify, core::Duration timeout) {
  const auto until = KernelBootClock::now() + timeout;
  std::string why = "timed out";
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    auto left = until - KernelBootClock::now();
    if (left <= core::Duration::zero()) break;
    // Each address gets an equal share of the time, so that one dead address does not use up the time of the others.
    auto share = std::max(left / static_cast<int>(endpoints.size() - i), core::Duration(1));
    auto socket = co_await dial(endpoints[i], share);
    if (!socket) {
      why = socket.error().what;
      continue;
    }
    if (!context) co_return plain_stream(std::move(*socket));
    auto stream = co_await tls_client_stream(std::move(*socket), context, host, verify, until - KernelBootClock::now());
    if (stream) co_return std::move(*stream);
    why = stream.error().what;
  }
  co_return core::fail(why);
}

}  // namespace tamada::net
