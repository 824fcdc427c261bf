#include "net/http_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstring>

#include "net/boot_timer.h"
#include "net/socket_stream.h"

namespace tamada::net {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;
using boost::system::system_error;

constexpr std::size_t complaint_bytes_max = 1024;

// A body that passes on each piece as it comes.
struct PiecesBody {
  struct value_type {
    std::function<void(std::string_view)> take;
  };
  class reader {
   public:
    template <bool request, class Fields>
    reader(http::header<request, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<std::uint64_t>&, error_code& ec) { ec = {}; }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, error_code& ec) {
      ec = {};
      std::size_t total = 0;
      for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers); ++it) {
        asio::const_buffer piece = *it;
        total += piece.size();
        if (piece.size() > 0 && body_.take) body_.take({static_cast<const char*>(piece.data()), piece.size()});
      }
      return total;
    }
    void finish(error_code& ec) { ec = {}; }

   private:
    value_type& body_;
  };
};

// Bytes that have been read but not parsed yet.
struct ResponseInput {
  std::array<char, 8192> bytes;
  std::size_t have = 0;
  bool answered = false;  // a byte of the answer has come

  // Parses these bytes. Returns false if more are needed.
  template <class Parser>
  bool feed(Parser& parser) {
    while (have > 0 && !parser.is_done()) {
      bool had_header = parser.is_header_done();
      error_code ec;
      auto used = parser.put(asio::buffer(bytes.data(), have), ec);
      std::memmove(bytes.data(), bytes.data() + used, have - used);
      have -= used;
      if (ec && ec != http::error::need_more) throw system_error(ec);
      if (!had_header && parser.is_header_done()) return true;
      if (ec || used == 0) break;
    }
    if (!parser.is_done() && have == bytes.size()) throw system_error(error_code(http::error::header_limit));
    return parser.is_done();
  }
};

// Reads until the header or the whole message is complete. After the header it may be called again.
template <class Parser>
awaitable<void> read_on(Stream& stream, ResponseInput& input, Parser& parser) {
  for (;;) {
    if (input.feed(parser)) co_return;
    std::size_t n = 0;
    bool ended = false;
    try {
      n = co_await stream.read_some({input.bytes.data() + input.have, input.bytes.size() - input.have});
    } catch (const system_error& e) {
      if (e.code() != asio::error::eof || !parser.got_some()) throw;
      ended = true;
    }
    if (ended) {
      error_code ec;
      parser.put_eof(ec);
      if (ec) throw system_error(ec);
      co_return;
    }
    input.answered = true;
    input.have += n;
  }
}

bool safe(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos; }

core::Result<std::string> serialize(const Url& server, const HttpRequest& request) {
  std::string out;
  out.reserve(256 + request.body.size());
  std::string_view base = server.path;
  if (base.ends_with('/')) base.remove_suffix(1);
  auto target = std::string(base) + request.target;
  if (target.empty()) target = "/";
  if (target.contains(' ') || !safe(target) || !safe(request.method)) return core::fail("the target holds a blank");
  out = fmt::format("{} {} HTTP/1.1\r\n", request.method, target);
  if (!request.header("Host")) {
    out += fmt::format("Host: {}\r\n", server.authority());
  }
  for (const auto& [name, value] : request.headers) {
    if (!safe(name) || !safe(value)) return core::fail(fmt::format("header {} holds a line end", name));
    out.append(name).append(": ").append(value).append("\r\n");
  }
  bool may_have_none = request.method == "GET" || request.method == "HEAD";
  if (!request.body.empty() || !may_have_none) out += fmt::format("Content-Length: {}\r\n", request.body.size());
  out += "\r\n";
  out += request.body;
  return out;
}

core::Duration left_until(core::Instant until) { return std::max(until - KernelBootClock::now(), core::Duration(1)); }

double seconds(core::Duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

struct HttpClient::Impl {
  Impl(Url s, std::optional<TlsClient> t) : server(std::move(s)), tls(std::move(t)) {}

  Url server;
  std::optional<TlsClient> tls;
  std::unique_ptr<Stream> stream;
  bool busy = false;
  // How often close() was called. A connection that was begun before the last call is not used.
  std::uint64_t closings = 0;

  // Marks the client as in use. The destructor closes the connection, unless `keep` is set.
  struct Use {
    explicit Use(Impl& i) : impl(i) { impl.busy = true; }
    ~Use() {
      impl.busy = false;
      if (!keep) impl.stream.reset();
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    Impl& impl;
    bool keep = false;
  };

  std::string place() const { return fmt::format("{}://{}", server.scheme, server.authority()); }
  const TlsClient* tls_options() {
    if (server.scheme != "https") return nullptr;
    if (!tls) tls.emplace();
    return &*tls;
  }

  awaitable<core::Result<void>> open(core::Duration timeout) {
    auto before = closings;
    auto made = co_await (server.apart ? connect_apart(server.host, server.port, tls_options(), timeout)
                                       : connect(server.host, server.port, tls_options(), timeout));
    if (!made) co_return std::unexpected(made.error());
    if (before != closings) co_return core::fail(place() + ": the connection was closed");
    stream = std::move(*made);
    co_return core::Result<void>{};
  }

  void close() {
    ++closings;
    // A request that is under way still holds the stream. It ends with an error and releases the stream.
    if (busy && stream) stream->close();
    if (!busy) stream.reset();
  }

  awaitable<HttpResponse> exchange(const std::string& wire, const HttpRequest& request, ResponseInput& input, Use& use);
  static awaitable<core::Result<HttpResponse>> request(std::shared_ptr<Impl> self, HttpRequest request,
                                                       core::Duration timeout);
  static awaitable<core::Result<void>> follow(std::shared_ptr<Impl> self, HttpRequest request,
                                              core::Duration connect_timeout, core::Duration idle,
                                              std::function<void(std::string_view)> chunk);
  awaitable<core::Result<void>> read_pieces(core::Duration idle, std::function<void(std::string_view)> chunk);
};

awaitable<HttpResponse> HttpClient::Impl::exchange(const std::string& wire, const HttpRequest& request,
                                                   ResponseInput& input, Use& use) {
  co_await stream->write(wire);
  http::response_parser<http::string_body> parser;
  parser.eager(true);
  parser.body_limit(request.answer_bytes_max);
  if (request.method == "HEAD") parser.skip(true);
  while (!parser.is_done()) co_await read_on(*stream, input, parser);
  auto& message = parser.get();
  HttpResponse response{.status = static_cast<int>(message.result_int())};
  for (const auto& field : message) response.headers.emplace_back(field.name_string(), field.value());
  response.body = std::move(message.body());
  stream->deadline(core::Duration::zero());
  use.keep = parser.keep_alive() && input.have == 0;
  co_return response;
}

awaitable<core::Result<HttpResponse>> HttpClient::Impl::request(std::shared_ptr<Impl> self, HttpRequest request,
                                                                core::Duration timeout) {
  if (self->busy) co_return core::fail(self->place() + ": another request is under way on this connection");
  auto wire = serialize(self->server, request);
  if (!wire) co_return std::unexpected(wire.error());
  const bool head = request.method == "HEAD";
  const bool repeatable = request.repeatable || request.method == "GET" || head;
  const auto until = KernelBootClock::now() + timeout;
  Use use(*self);
  for (;;) {
    const bool reused = self->stream && !self->stream->peer_closed();
    if (!reused) {
      self->stream.reset();
      auto opened = co_await self->open(left_until(until));
      if (!opened) co_return std::unexpected(opened.error());
    }
    self->stream->deadline(left_until(until));
    ResponseInput input;
    error_code why;
    try {
      co_return co_await self->exchange(*wire, request, input, use);
    } catch (const system_error& e) {
      why = e.code();
    }
    self->stream.reset();
    co_await throw_if_cancelled();
    if (why == asio::error::timed_out) {
      co_return core::fail(fmt::format("{}: no answer within {:g} s", self->place(), seconds(timeout)));
    }
    if (reused && repeatable && !input.answered) continue;
    co_return core::fail(fmt::format("{}: {}", self->place(), why.message()));
  }
}

awaitable<core::Result<void>> HttpClient::Impl::read_pieces(core::Duration idle,
                                                            std::function<void(std::string_view)> chunk) {
  http::response_parser<PiecesBody> parser;
  parser.eager(true);
  parser.body_limit(boost::none);
  ResponseInput input;
  std::string complaint;
  // Pieces of the body may arrive together with the header. They are kept here until the status shows whether they
  // belong to a good answer.
  std::string early;
  parser.get().body().take = [&early](std::string_view piece) { early += piece; };
  while (!parser.is_header_done()) co_await read_on(*stream, input, parser);
  const unsigned status = parser.get().result_int();
  if (status == 200) {
    if (!early.empty()) chunk(early);
    early = {};
    parser.get().body().take = std::move(chunk);
  } else {
    complaint = std::move(early);
    parser.get().body().take = [&complaint](std::string_view piece) {
      if (complaint.size() < complaint_bytes_max) complaint += piece.substr(0, complaint_bytes_max - complaint.size());
    };
  }
  while (!parser.is_done() && complaint.size() < complaint_bytes_max) {
    // Without a deadline, an error text that never ends would be read for ever.
    stream->deadline(status == 200 || idle != core::Duration::zero() ? idle : std::chrono::seconds(1));
    co_await read_on(*stream, input, parser);
  }
  if (status == 200) co_return core::Result<void>{};
  co_return core::fail(fmt::format("HTTP status {}: {}", status, complaint));
}

awaitable<core::Result<void>> HttpClient::Impl::follow(std::shared_ptr<Impl> self, HttpRequest request,
                                                       core::Duration connect_timeout, core::Duration idle,
                                                       std::function<void(std::string_view)> chunk) {
  if (self->busy) co_return core::fail(self->place() + ": another request is under way on this connection");
  auto wire = serialize(self->server, request);
  if (!wire) co_return std::unexpected(wire.error());
  const auto until = KernelBootClock::now() + connect_timeout;
  Use use(*self);
  self->stream.reset();
  auto opened = co_await self->open(connect_timeout);
  if (!opened) co_return std::unexpected(opened.error());
  self->stream->deadline(left_until(until));
  error_code why;
  try {
    co_await self->stream->write(*wire);
    auto ended = co_await self->read_pieces(idle, std::move(chunk));
    if (!ended) co_return core::fail(fmt::format("{}: {}", self->place(), ended.error().what));
    co_return core::Result<void>{};
  } catch (const system_error& e) {
    why = e.code();
  }
  co_await throw_if_cancelled();
  if (why == asio::error::timed_out) co_return core::fail(self->place() + ": nothing came in time");
  co_return core::fail(fmt::format("{}: {}", self->place(), why.message()));
}

HttpClient::HttpClient(Url server, std::optional<TlsClient> tls)
    : impl_(std::make_shared<Impl>(std::move(server), std::move(tls))) {}

HttpClient::~HttpClient() { close(); }

void HttpClient::close() { impl_->close(); }

awaitable<core::Result<HttpResponse>> HttpClient::request(HttpRequest request, core::Duration timeout) {
  return Impl::request(impl_, std::move(request), timeout);
}

awaitable<core::Result<void>> HttpClient::stream(HttpRequest request, core::Duration connect_timeout,
                                                 core::Duration idle, std::function<void(std::string_view)> chunk) {
  return Impl::follow(impl_, std::move(request), connect_timeout, idle, std::move(chunk));
}

awaitable<core::Result<HttpResponse>> http_once(Url server, std::optional<TlsClient> tls, HttpRequest request,
                                                core::Duration timeout) {
  HttpClient client(std::move(server), std::move(tls));
  request.headers.emplace_back("Connection", "close");
  co_return co_await client.request(std::move(request), timeout);
}

}  // namespace tamada::net
