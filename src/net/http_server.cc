#include "net/http_server.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstring>
#include <list>
#include <vector>

#include "net/boot_timer.h"
#include "net/feed.h"
#include "net/listener.h"
#include "net/log.h"
#include "net/socket_stream.h"
#include "net/tls.h"
#include "net/turns.h"

namespace tamada::net {
namespace {

namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using boost::system::system_error;
using Parser = http::request_parser<http::string_body>;

constexpr auto accept_pause = std::chrono::milliseconds(100);
constexpr auto certificates_look = std::chrono::seconds(1);
constexpr std::size_t drained_bytes_max = 8 << 20;
constexpr int accepted_at_once = 16;
// The kernel's send buffer of one connection. The limit keeps peers that do not read from filling the machine's memory.
constexpr int send_buffer_bytes = 64 << 10;
constexpr std::size_t small_bytes = 4 << 10;        // smaller bodies and answers are not counted in kept_bytes
constexpr std::size_t sessions_worth_a_trim = 200;  // after so many ended sessions, free memory goes back to the system

// Bytes that have been read but not parsed yet.
struct RequestInput {
  std::array<char, 8192> bytes;
  std::size_t have = 0;
};

// Parses what has been read. Returns an HTTP status of an error, 0 when the request is complete, 100 when more bytes
// are needed.
int feed(RequestInput& input, Parser& parser) {
  while (input.have > 0 && !parser.is_done()) {
    error_code ec;
    auto used = parser.put(asio::buffer(input.bytes.data(), input.have), ec);
    std::memmove(input.bytes.data(), input.bytes.data() + used, input.have - used);
    input.have -= used;
    if (ec == http::error::body_limit) return 413;
    if (ec == http::error::header_limit) return 431;
    if (ec && ec != http::error::need_more) return 400;
    if (ec || used == 0) break;
  }
  if (parser.is_done()) return 0;
  return input.have == input.bytes.size() ? 431 : 100;
}

std::size_t connections_possible(std::size_t wanted) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return wanted;
  // However many clients connect, some descriptors have to be left for PostgreSQL and the DCS.
  return std::clamp<std::size_t>(files.rlim_cur / 2, 1, wanted);
}

HttpResponse plain_text(int status) {
  return {.status = status, .headers = {{"Content-Type", "text/plain"}}, .body = std::string(reason(status)) + "\n"};
}

// The answer when too many requests are under way at once; the client may ask again.
HttpResponse busy() {
  auto response = plain_text(503);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

HttpRequest take_request(Parser& parser, const Stream& stream) {
  auto& message = parser.get();
  HttpRequest request{.method = std::string(message.method_string()), .target = std::string(message.target())};
  for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
  request.body = std::move(message.body());
  request.peer_address = stream.peer_address();
  request.client_certificate = stream.peer_certificate();
  return request;
}

// Reads and discards what the peer still sends. If the server closed the connection with unread data, the kernel would
// reset it before the peer has read our answer.
awaitable<void> drain(Stream& stream, RequestInput& input, core::Duration deadline) {
  stream.deadline(deadline);
  for (std::size_t total = 0; total < drained_bytes_max;) {
    total += co_await stream.read_some(input.bytes);
  }
}

// The last answer on a connection.
awaitable<void> refuse(Stream& stream, RequestInput& input, int status, core::Duration deadline) {
  co_await stream.write(serialize(plain_text(status), false, false));
  co_await drain(stream, input, deadline);
}

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<HttpServer::Impl> {
  // One connection. It lives as long as its coroutine.
  struct Session : std::enable_shared_from_this<Session> {
    asio::cancellation_signal cancel;
    std::unique_ptr<Stream> stream;
    std::list<Session*>* list = nullptr;  // one of the three of the server; `place` is in it
    std::list<Session*>::iterator place;
  };
  // Counts the bytes in memory for one peer: the body of its request, or an answer that it has not read yet.
  class Kept {
   public:
    explicit Kept(Impl& server) : server_(server) {}
    ~Kept() { server_.kept_bytes -= counted_; }
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;
    bool is(std::size_t bytes) {  // returns false when the limit for all peers together would be exceeded
      const auto now = bytes > small_bytes ? bytes : 0;
      const auto all = server_.kept_bytes - counted_ + now;
      if (now > counted_ && all > server_.options.kept_bytes_max) return false;
      server_.kept_bytes = all;
      counted_ = now;
      return true;
    }

   private:
    Impl& server_;
    std::size_t counted_ = 0;
  };

  Impl(asio::any_io_executor e, HttpServerOptions o, Fast f, Handler h)
      : executor(std::move(e)), options(std::move(o)), fast(std::move(f)), handler(std::move(h)) {}

  core::Result<void> apply(HttpServerOptions wanted);
  core::Result<void> bind(const HttpServerOptions& wanted);
  void close_acceptors();
  void stop();
  awaitable<void> accept(std::shared_ptr<tcp::acceptor> acceptor);
  void begin(tcp::socket socket);
  bool make_room();
  std::size_t sessions() const { return fresh.size() + working.size() + waiting.size(); }
  void end(Session& session);
  void ended(Session& session);
  static void move(Session& session, std::list<Session*>& to);
  TlsContext tls();
  awaitable<void> run(std::shared_ptr<Session> session, tcp::socket socket);
  awaitable<void> serve(Session& session);
  awaitable<int> read_request(Session& session, RequestInput& input, Parser& parser);
  awaitable<bool> answer(Session& session, RequestInput& input, Parser& parser);
  awaitable<void> send_feed(Session& session, RequestInput& input, HttpResponse response);
  awaitable<HttpResponse> handled(HttpRequest request);

  asio::any_io_executor executor;
  HttpServerOptions options;
  Fast fast;
  Handler handler;
  TlsFiles certificates;
  core::Instant certificates_looked_at{};
  std::vector<std::shared_ptr<tcp::acceptor>> acceptors;
  // The server works for those in `working`. In the other two lists it waits for the peer, and who has waited longest
  // is first: in `fresh` for the first request, in `waiting` for the next one or for the peer to read its answer.
  std::list<Session*> fresh, working, waiting;
  std::size_t sessions_max = 0, sessions_peak = 0;
  std::size_t handling = 0;    // requests that the handler is working on
  std::size_t kept_bytes = 0;  // see Kept
  std::shared_ptr<Turns> turns = std::make_shared<Turns>(executor);
  bool stopped = false;
};

core::Result<void> HttpServer::Impl::apply(HttpServerOptions wanted) {
  auto files = wanted.tls == options.tls ? certificates : TlsFiles{};
  if (wanted.tls) {
    if (auto made = current_context(*wanted.tls, files); !made) return std::unexpected(made.error());
  }
  const bool elsewhere =
      wanted.address != options.address || wanted.port != options.port || wanted.backlog != options.backlog;
  if (acceptors.empty() || elsewhere) {
    // The new address may include the old one, so the old one is closed first.
    const bool listening = !acceptors.empty();
    close_acceptors();
    if (auto bound = bind(wanted); !bound) {
      if (listening) (void)bind(options);
      return bound;
    }
  }
  certificates = std::move(files);
  options = std::move(wanted);
  sessions_max = connections_possible(options.connections_max);
  return {};
}

core::Result<void> HttpServer::Impl::bind(const HttpServerOptions& wanted) {
  auto made = listen_on(executor, wanted.address, wanted.port, wanted.backlog);
  if (!made) return std::unexpected(made.error());
  for (auto& one : *made) {
    // Each accept loop keeps Impl alive until it ends.
    auto loop = [](std::shared_ptr<Impl> self, std::shared_ptr<tcp::acceptor> on) -> awaitable<void> {
      co_await self->accept(std::move(on));
    };
    acceptors.push_back(std::make_shared<tcp::acceptor>(std::move(one)));
    error_code ignored;
    acceptors.back()->non_blocking(true, ignored);
    asio::co_spawn(executor, loop(shared_from_this(), acceptors.back()), asio::detached);
  }
  return {};
}

void HttpServer::Impl::close_acceptors() {
  error_code ignored;
  for (auto& acceptor : acceptors) acceptor->close(ignored);
  acceptors.clear();
}

void HttpServer::Impl::stop() {
  stopped = true;
  close_acceptors();
  // The lists are copied, because a session that is cancelled may leave them at once.
  std::vector<Session*> all;
  for (const auto* list : {&fresh, &working, &waiting}) all.insert(all.end(), list->begin(), list->end());
  for (auto* session : all) end(*session);
}

void HttpServer::Impl::end(Session& session) {
  if (session.stream) session.stream->close();
  session.cancel.emit(asio::cancellation_type::terminal);
  // Outside the loop's thread, co_spawn forwards the signal by a posted function that refers to the session. The closed
  // stream may have ended the session by then (seen with Asio of Boost 1.81). The handler that is posted here runs
  // after that function, and keeps the session alive until then.
  asio::post(executor, [alive = session.shared_from_this()] {});
}

awaitable<void> HttpServer::Impl::accept(std::shared_ptr<tcp::acceptor> acceptor) {
  bool complained = false;
  while (!stopped) {
    auto [ec, socket] = co_await acceptor->async_accept(asio::as_tuple(use_awaitable));
    if (stopped || !acceptor->is_open()) co_return;
    if (!ec) {
      complained = false;
      begin(std::move(socket));
      // Accepts all connections that came in the same moment. Otherwise each turn would accept one, and a client would
      // wait behind thousands of others.
      for (int i = 1; i < accepted_at_once && !stopped && acceptor->is_open(); ++i) {
        error_code none;
        tcp::socket another = acceptor->accept(none);
        if (none) break;
        begin(std::move(another));
      }
      continue;
    }
    // Usually descriptors have run out. The connection waits in the kernel, and another accept at once would fail
    // again.
    if (!complained) log::warning("REST API: cannot accept a connection: {}", ec.message());
    complained = true;
    make_room();
    BootTimer pause(executor, accept_pause);
    co_await pause.async_wait(asio::as_tuple(use_awaitable));
  }
}

// Whoever has had an answer gives way first. A flood that is answered again and again would otherwise always look
// busier than a health check whose only request is still to be read.
bool HttpServer::Impl::make_room() {
  auto& from = waiting.empty() ? fresh : waiting;
  if (from.empty()) return false;
  auto* longest = from.front();
  move(*longest, working);  // the session ends only in the loop's next turns, and must not be chosen again before
  end(*longest);
  return true;
}

void HttpServer::Impl::begin(tcp::socket socket) {
  if (sessions() >= sessions_max && !make_room()) return;
  set_socket_options(socket);
  error_code ignored;
  socket.set_option(asio::socket_base::send_buffer_size(send_buffer_bytes), ignored);
  auto session = std::make_shared<Session>();
  session->list = &fresh;
  session->place = fresh.insert(fresh.end(), session.get());
  sessions_peak = std::max(sessions_peak, sessions());
  auto at_end = [session, self = shared_from_this()](std::exception_ptr) { self->ended(*session); };
  asio::co_spawn(executor, run(session, std::move(socket)),
                 asio::bind_cancellation_slot(session->cancel.slot(), std::move(at_end)));
}

void HttpServer::Impl::ended(Session& session) {
  session.list->erase(session.place);
  // glibc never returns freed memory to the system while the memory lies between blocks that are in use.
  const auto left = sessions();
  if (sessions_peak < sessions_worth_a_trim || left > sessions_peak / 4) return;
  sessions_peak = left;
  // The call is posted, because the memory of this session is still in use here.
  asio::post(executor, [] { ::malloc_trim(0); });
}

void HttpServer::Impl::move(Session& session, std::list<Session*>& to) {
  to.splice(to.end(), *session.list, session.place);
  session.list = &to;
}

TlsContext HttpServer::Impl::tls() {
  const auto now = KernelBootClock::now();
  if (now - certificates_looked_at < certificates_look) return certificates.context;
  certificates_looked_at = now;
  return *current_context(*options.tls, certificates);  // listen() has read them
}

awaitable<void> HttpServer::Impl::run(std::shared_ptr<Session> session, tcp::socket socket) {
  auto self = shared_from_this();
  if (options.tls) {
    auto made = co_await tls_server_stream(std::move(socket), tls(), turns, options.header_deadline);
    if (!made) co_return;
    session->stream = std::move(*made);
  } else {
    session->stream = plain_stream(std::move(socket), turns);
  }
  if (stopped) co_return;
  try {
    co_await serve(*session);
  } catch (const system_error&) {
    // The peer is gone or was too slow, or the server is stopping. In each case there is nobody to send an answer to.
  }
}

awaitable<void> HttpServer::Impl::serve(Session& session) {
  RequestInput input;
  session.stream->deadline(options.header_deadline);
  while (!stopped) {
    Parser parser;
    parser.eager(true);
    parser.body_limit(options.body_bytes_max);
    int error = co_await read_request(session, input, parser);
    if (error != 0) {
      co_await refuse(*session.stream, input, error, options.header_deadline);
      co_return;
    }
    if (!co_await answer(session, input, parser)) co_return;
    session.stream->deadline(options.idle_deadline);
  }
}

// Returns 0, or the HTTP status of the refusal.
awaitable<int> HttpServer::Impl::read_request(Session& session, RequestInput& input, Parser& parser) {
  auto& stream = *session.stream;
  bool began = false, in_body = false;
  Kept body(*this);
  // A request that arrived together with the previous one waits for its turn as if it had been read only now.
  if (input.have > 0) co_await stream.turn();
  for (;;) {
    int status = feed(input, parser);
    if (status != 100) co_return status;
    if (in_body && !body.is(parser.get().body().capacity())) co_return 503;
    // Most requests come in one piece and move no deadline.
    if (!began && (input.have > 0 || parser.got_some())) {
      began = true;
      stream.deadline(options.header_deadline);
    }
    if (!in_body && parser.is_header_done()) {
      in_body = true;
      stream.deadline(options.idle_deadline);
      if (boost::beast::iequals(parser.get()[http::field::expect], "100-continue")) {
        co_await stream.write("HTTP/1.1 100 Continue\r\n\r\n");
      }
    }
    input.have += co_await stream.read_some({input.bytes.data() + input.have, input.bytes.size() - input.have});
  }
}

// Never throws: if the handler throws, the answer is 500.
awaitable<HttpResponse> HttpServer::Impl::handled(HttpRequest request) {
  if (handling >= options.requests_max) co_return busy();
  const auto what = request.method + " " + request.target;
  std::string failure;
  ++handling;
  HttpResponse response;
  try {
    response = co_await handler(std::move(request));
  } catch (const std::exception& e) {
    failure = e.what();
  }
  --handling;
  if (stopped || failure.empty()) co_return response;
  co_await throw_if_cancelled();
  log::error("REST API: {}: {}", what, failure);
  co_return plain_text(500);
}

// Returns whether the connection stays open.
awaitable<bool> HttpServer::Impl::answer(Session& session, RequestInput& input, Parser& parser) {
  auto& stream = *session.stream;
  const auto& message = parser.get();
  const bool head = message.method() == http::verb::head;
  // HTTP/1.0's keep-alive is an extension that would have to be confirmed in the answer.
  const bool keep_alive = parser.keep_alive() && message.version() >= 11;
  if (fast) {
    if (auto ready = fast(message.method_string(), message.target())) {
      std::string_view text = *ready;
      if (head) text = text.substr(0, std::min(text.find("\r\n\r\n"), text.size() - 4) + 4);
      move(session, waiting);
      co_await stream.write(text);
      co_return keep_alive;
    }
  }
  // The handler has no deadline.
  stream.deadline(core::Duration::zero());
  move(session, working);
  auto response = co_await handled(take_request(parser, stream));
  if (stopped) co_return false;
  co_await throw_if_cancelled();
  move(session, waiting);
  stream.deadline(options.idle_deadline);
  co_await stream.turn();  // many handlers may have waited for the same thing
  Kept answer(*this);
  if (!answer.is(response.body.size())) response = busy();
  if (response.feed) {
    co_await send_feed(session, input, std::move(response));
    co_return false;
  }
  const std::string text = serialize(response, keep_alive, head);
  response = {};
  co_await stream.write(text);
  co_return keep_alive;
}

// The connection stays where it is in `waiting`, so the oldest feeds give way first when connections run short. A peer
// that does not read costs no more than the kernel's buffer and what the feed keeps for it.
awaitable<void> HttpServer::Impl::send_feed(Session& session, RequestInput& input, HttpResponse response) {
  auto& stream = *session.stream;
  // Requests behind this one would never be answered.
  if (input.have > 0) {
    response.feed.reset();
    co_return co_await refuse(stream, input, 409, options.header_deadline);
  }
  co_await stream.write(serialize(response, false, false));
  response.body = {};
  for (;;) {
    stream.deadline(core::Duration::zero());
    const auto piece = co_await response.feed->next();
    if (stopped || !piece || stream.peer_closed()) co_return;
    stream.deadline(options.idle_deadline);
    co_await stream.turn();  // many connections wait for the same piece
    co_await stream.write(*piece);
  }
}

HttpServer::HttpServer(asio::any_io_executor executor, HttpServerOptions options, Fast fast, Handler handler)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options), std::move(fast), std::move(handler))) {}

HttpServer::~HttpServer() { impl_->stop(); }

core::Result<void> HttpServer::listen() { return impl_->apply(impl_->options); }

core::Result<void> HttpServer::reload(HttpServerOptions options) { return impl_->apply(std::move(options)); }

std::string HttpServer::certificate_trouble() const { return impl_->certificates.trouble; }

int HttpServer::port() const {
  if (impl_->acceptors.empty()) return 0;
  error_code ec;
  return impl_->acceptors.front()->local_endpoint(ec).port();
}

}  // namespace tamada::net
