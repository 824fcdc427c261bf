#include "net/socket_stream.h"

#include <poll.h>

#include <boost/asio/compose.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <type_traits>
#include <utility>

#include "net/expiry.h"

namespace tamada::net {
namespace {

namespace ssl = asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

// A socket. With `turns`, received data are passed on when the connection's turn has come.
class TurnSocket {
 public:
  using executor_type = tcp::socket::executor_type;
  using lowest_layer_type = tcp::socket::lowest_layer_type;

  TurnSocket(tcp::socket socket, std::shared_ptr<Turns> turns) : socket_(std::move(socket)), turns_(std::move(turns)) {}

  executor_type get_executor() { return socket_.get_executor(); }
  lowest_layer_type& lowest_layer() { return socket_.lowest_layer(); }
  const lowest_layer_type& lowest_layer() const { return socket_.lowest_layer(); }
  tcp::socket& socket() { return socket_; }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    if (!turns_) return socket_.async_read_some(buffers, std::forward<Token>(token));
    return asio::async_compose<Token, void(error_code, std::size_t)>(
        [this, buffers, turns = turns_, begun = false](auto& self, error_code ec = {}, std::size_t n = 0) mutable {
          if (!std::exchange(begun, true)) return socket_.async_read_some(buffers, std::move(self));
          if (ec) return self.complete(ec, n);
          turns->enter(account_, [this, n, self = std::move(self)]() mutable {
            self.complete(socket_.is_open() ? error_code() : error_code(asio::error::operation_aborted), n);
          });
        },
        token, socket_);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return socket_.async_write_some(buffers, std::forward<Token>(token));
  }
  awaitable<void> turn() {
    if (!turns_) co_return;
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [this](auto handler) { turns_->enter(account_, std::move(handler)); }, use_awaitable);
    if (!socket_.is_open()) throw boost::system::system_error(asio::error::operation_aborted);
  }

 private:
  tcp::socket socket_;
  std::shared_ptr<Turns> turns_;
  std::shared_ptr<Turns::Account> account_ = std::make_shared<Turns::Account>();
};

struct TlsLayer {
  TlsLayer(TurnSocket socket, TlsContext c) : context(std::move(c)), stream(std::move(socket), *context) {}
  TlsContext context;  // must outlive the stream
  ssl::stream<TurnSocket> stream;
  TurnSocket& bottom() { return stream.next_layer(); }
};
struct PlainLayer {
  explicit PlainLayer(TurnSocket s) : stream(std::move(s)) {}
  TurnSocket stream;
  TurnSocket& bottom() { return stream; }
};

std::string address_of(const tcp::socket& socket) {
  error_code ec;
  auto endpoint = socket.remote_endpoint(ec);
  if (ec) return {};
  auto address = endpoint.address();
  // A listener for both families shows IPv4 peers as ::ffff:a.b.c.d, but allowlists contain IPv4 addresses.
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return address.to_string();
}

template <class Layer>
class SocketStream final : public Stream {
 public:
  static constexpr bool tls = std::is_same_v<Layer, TlsLayer>;

  template <class... Args>
  explicit SocketStream(tcp::socket socket, std::shared_ptr<Turns> turns, Args... args)
      : peer_(address_of(socket)),
        layer_(TurnSocket(std::move(socket), std::move(turns)), std::move(args)...),
        deadline_(layer_.bottom().get_executor(), core::Duration::zero(), [this] { close(); }) {}

  awaitable<std::size_t> read_some(std::span<char> into) override {
    auto [ec, n] =
        co_await layer_.stream.async_read_some(asio::buffer(into.data(), into.size()), asio::as_tuple(use_awaitable));
    // Many peers end TLS by closing the socket. HTTP itself tells whether a message is complete.
    if (ec == ssl::error::stream_truncated) ec = asio::error::eof;
    check(ec);
    co_return n;
  }

  awaitable<void> write(std::string_view data) override {
    auto [ec, n] = co_await asio::async_write(layer_.stream, asio::buffer(data.data(), data.size()),
                                              asio::as_tuple(use_awaitable));
    check(ec);
  }

  awaitable<void> turn() override { return layer_.bottom().turn(); }

  void deadline(core::Duration after) override { deadline_.rearm(after); }

  void close() override {
    error_code ec;
    layer_.bottom().socket().close(ec);
    deadline_.rearm(core::Duration::zero());
  }

  std::string peer_address() const override { return peer_; }

  bool peer_closed() override {
    auto& socket = layer_.bottom().socket();
    if (!socket.is_open()) return true;
    pollfd p{socket.native_handle(), POLLIN | POLLRDHUP, 0};
    if (::poll(&p, 1, 0) <= 0) return false;
    if (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) return true;
    // On a plain connection, data without a request are a protocol error. Over TLS they may be session tickets.
    return !tls;
  }

  bool peer_certificate() const override {
    if constexpr (tls) {
      auto* handle = const_cast<ssl::stream<TurnSocket>&>(layer_.stream).native_handle();
      return SSL_get0_peer_certificate(handle) != nullptr && SSL_get_verify_result(handle) == X509_V_OK;
    }
    return false;
  }

  Layer& layer() { return layer_; }
  bool expired() const { return deadline_.expired(); }

 private:
  void check(error_code ec) const {
    if (ec) throw boost::system::system_error(expired() ? error_code(asio::error::timed_out) : ec);
  }

  std::string peer_;
  Layer layer_;
  Expiry deadline_;
};

using TlsStream = SocketStream<TlsLayer>;

awaitable<core::Result<std::unique_ptr<Stream>>> handshake(std::unique_ptr<TlsStream> stream,
                                                           ssl::stream_base::handshake_type type,
                                                           core::Duration timeout) {
  stream->deadline(std::max(timeout, core::Duration(1)));
  auto [ec] = co_await stream->layer().stream.async_handshake(type, asio::as_tuple(use_awaitable));
  if (!ec) {
    stream->deadline(core::Duration::zero());
    co_return std::move(stream);
  }
  co_await throw_if_cancelled();
  long verdict = SSL_get_verify_result(stream->layer().stream.native_handle());
  std::string why = stream->expired()      ? "timed out"
                    : verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
                                           : ec.message();
  co_return core::fail("TLS handshake failed: " + why);
}

}  // namespace

void set_socket_options(tcp::socket& socket) {
  using idle = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
  using interval = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
  using count = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>;
  error_code ec;
  socket.set_option(tcp::no_delay(true), ec);
  socket.set_option(tcp::socket::keep_alive(true), ec);
  socket.set_option(idle(30), ec);
  socket.set_option(interval(10), ec);
  socket.set_option(count(3), ec);
}

std::unique_ptr<Stream> plain_stream(tcp::socket socket, std::shared_ptr<Turns> turns) {
  return std::make_unique<SocketStream<PlainLayer>>(std::move(socket), std::move(turns));
}

awaitable<core::Result<std::unique_ptr<Stream>>> tls_client_stream(tcp::socket socket, TlsContext context,
                                                                   std::string host, bool verify,
                                                                   core::Duration timeout) {
  auto stream = std::make_unique<TlsStream>(std::move(socket), nullptr, std::move(context));
  auto& tls = stream->layer().stream;
  error_code ec;
  asio::ip::make_address(host, ec);
  if (ec) SSL_set_tlsext_host_name(tls.native_handle(), host.c_str());
  if (verify) tls.set_verify_callback(ssl::host_name_verification(host), ec);
  return handshake(std::move(stream), ssl::stream_base::client, timeout);
}

awaitable<core::Result<std::unique_ptr<Stream>>> tls_server_stream(tcp::socket socket, TlsContext context,
                                                                   std::shared_ptr<Turns> turns,
                                                                   core::Duration timeout) {
  return handshake(std::make_unique<TlsStream>(std::move(socket), std::move(turns), std::move(context)),
                   ssl::stream_base::server, timeout);
}

}  // namespace tamada::net
