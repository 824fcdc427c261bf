#include "dcs/etcd_transport.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <utility>

#include "net/clock.h"
#include "net/log.h"

namespace tamada::dcs {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

// The number of idle connections that are kept: one for the lease, so that its renewal never waits behind a slow range,
// and one for all other requests.
constexpr std::size_t idle_connections_max = 2;
constexpr Duration share_min = 1s;
constexpr Duration login_timeout = 30s;
// The loop stands still while it parses an answer: 8 MB take a tenth of a second.
constexpr std::size_t listing_bytes_max = 8 << 20;

// The time that is left. It is never zero, which would mean no limit.
Duration left(Steady::time_point deadline) {
  return std::max(std::chrono::duration_cast<Duration>(deadline - Steady::now()), Duration(1ms));
}

core::WallTime wall_now() { return net::SystemClock().wall(); }

DcsError unreachable(const EtcdEndpoint& endpoint, std::string_view why) {
  // Some errors of the HTTP client begin with the server's URL.
  if (why.starts_with(endpoint.text + ": ")) why.remove_prefix(endpoint.text.size() + 2);
  return {ErrorKind::unreachable, fmt::format("etcd {}: {}", endpoint.text, why)};
}

}  // namespace

EtcdTransport::EtcdTransport(std::vector<EtcdEndpoint> endpoints, std::optional<net::TlsClient> tls,
                             std::string username, std::string password, bool for_listing)
    : endpoints_(std::move(endpoints)),
      tls_(std::move(tls)),
      username_(std::move(username)),
      password_(std::move(password)),
      for_listing_(for_listing) {}

awaitable<DcsResult<Json>> EtcdTransport::call(std::string path, std::string body, Repeat repeat, Duration timeout) {
  const auto deadline = Steady::now() + timeout;
  DcsError last{ErrorKind::unreachable, "etcd: no endpoint is configured"};
  const auto first = current_;
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    const auto remaining = left(deadline);
    if (i > 0 && remaining <= 1ms) break;
    const auto endpoint = (first + i) % endpoints_.size();
    const auto share = std::min(remaining, std::max(remaining / static_cast<int>(endpoints_.size() - i), share_min));
    auto answer = co_await try_once(endpoint, path, body, repeat, share);
    if (answer) {
      selected(endpoint);
      co_return std::move(*answer);
    }
    last = std::move(answer.error().error);
    if (answer.error().server_failed) leave(endpoint);
    if (!answer.error().server_failed || !answer.error().may_repeat) break;
  }
  co_return std::unexpected(std::move(last));
}

awaitable<EtcdTransport::Try<Json>> EtcdTransport::try_once(std::size_t endpoint, std::string path, std::string body,
                                                            Repeat repeat, Duration timeout) {
  const auto deadline = Steady::now() + timeout;
  auto client = co_await checkout(endpoint, timeout);
  if (!client) co_return std::unexpected(std::move(client.error()));
  const bool safe = repeat == Repeat::safe;
  for (int attempt = 0;; ++attempt) {
    if (auto ready = co_await authenticate(endpoint, left(deadline)); !ready) {
      co_return std::unexpected(std::move(ready.error()));
    }
    auto request = post(endpoint, path, body);
    request.repeatable = safe;
    const auto token = token_;
    const auto sent = wall_now();
    auto response = co_await (*client)->request(std::move(request), left(deadline));
    const auto* date = response ? response->header("Date") : nullptr;
    if (const auto dated = date ? net::parse_http_date(*date) : std::nullopt) clock_.learn(sent, wall_now(), *dated);
    if (!response)
      co_return std::unexpected(Failure{unreachable(endpoints_[endpoint], response.error().what), true, safe});
    const auto error = parse_error(response->status, response->body);
    if (!error) {
      auto json = Json::parse(response->body, nullptr, false);
      if (!json.is_object()) {
        co_return std::unexpected(
            Failure{unreachable(endpoints_[endpoint], "the answer is no JSON object"), true, safe});
      }
      checkin(endpoint, std::move(*client));
      co_return std::move(json);
    }
    if (error->kind == GatewayError::Kind::unavailable) {
      co_return std::unexpected(Failure{unreachable(endpoints_[endpoint], error->what), true, safe});
    }
    const bool renew = error->kind == GatewayError::Kind::auth && !username_.empty() && attempt == 0;
    if (!renew) {
      checkin(endpoint, std::move(*client));
      const auto kind = error->kind == GatewayError::Kind::lease_gone ? ErrorKind::lease_gone : ErrorKind::refused;
      co_return std::unexpected(Failure{DcsError{kind, "etcd: " + error->what}, false, false});
    }
    // The request was refused before etcd did anything, so even a transaction may be sent again.
    if (token_ == token) token_.clear();
    auth_disabled_ = false;
  }
}

awaitable<EtcdTransport::Try<EtcdTransport::Client>> EtcdTransport::checkout(std::size_t endpoint, Duration timeout) {
  const auto it = std::ranges::find(idle_, endpoint, &Idle::endpoint);
  if (it != idle_.end()) {
    Client client = std::move(it->client);
    idle_.erase(it);
    co_return std::move(client);
  }
  auto client = std::make_unique<net::HttpClient>(endpoints_[endpoint].url, tls_);
  net::HttpRequest version;
  version.method = "GET";
  version.target = "/version";
  auto answer = co_await client->request(std::move(version), timeout);
  if (!answer) co_return std::unexpected(Failure{unreachable(endpoints_[endpoint], answer.error().what), true, true});
  endpoints_[endpoint].api = api_prefix(answer->body);
  co_return std::move(client);
}

void EtcdTransport::checkin(std::size_t endpoint, Client client) {
  if (idle_.size() < idle_connections_max) idle_.push_back({endpoint, std::move(client)});
}

// etcd needs a tenth of a second of a core for a login, because it hashes the password, and seconds on a busy machine.
// So a login goes on when the requests that wait for it have run out of time, all requests share it, and the next ones
// take its token. If each request began its own, they would keep etcd busy and none would succeed.
struct EtcdTransport::Login {
  Login(const net::Url& url, const std::optional<net::TlsClient>& tls) : client(url, tls) {}
  net::HttpClient client;
  std::optional<core::Result<net::HttpResponse>> answer;
  std::vector<std::shared_ptr<asio::steady_timer>> waiting;
};

awaitable<void> EtcdTransport::log_in(std::shared_ptr<Login> login, net::HttpRequest request) {
  login->answer = co_await login->client.request(std::move(request), login_timeout);
  for (const auto& timer : login->waiting) timer->cancel();
}

awaitable<EtcdTransport::Try<void>> EtcdTransport::authenticate(std::size_t endpoint, Duration timeout) {
  if (username_.empty() || !token_.empty() || auth_disabled_) co_return Try<void>{};
  auto& known = logins_[endpoint];
  const auto executor = co_await asio::this_coro::executor;
  if (!known) {
    known = std::make_shared<Login>(endpoints_[endpoint].url, tls_);
    auto request = post(endpoint, "/auth/authenticate", authenticate_body(username_, password_));
    request.repeatable = true;
    asio::co_spawn(executor, log_in(known, std::move(request)), asio::detached);
  }
  const auto login = known;
  if (!login->answer) {
    const auto timer = std::make_shared<asio::steady_timer>(executor, timeout);
    login->waiting.push_back(timer);
    co_await timer->async_wait(asio::as_tuple(use_awaitable));
    std::erase(login->waiting, timer);
    co_await throw_if_cancelled();
  }
  if (!login->answer)
    co_return std::unexpected(Failure{unreachable(endpoints_[endpoint], "the login takes long"), true, true});
  if (const auto it = logins_.find(endpoint); it != logins_.end() && it->second == login) logins_.erase(it);
  co_return finish_login(endpoint, *login);
}

EtcdTransport::Try<void> EtcdTransport::finish_login(std::size_t endpoint, const Login& login) {
  const auto& answer = *login.answer;
  if (!answer) return std::unexpected(Failure{unreachable(endpoints_[endpoint], answer.error().what), true, true});
  if (const auto error = parse_error(answer->status, answer->body)) {
    if (error->kind == GatewayError::Kind::auth_disabled) {
      auth_disabled_ = true;
      return Try<void>{};
    }
    const bool failed = error->kind == GatewayError::Kind::unavailable;
    if (failed) return std::unexpected(Failure{unreachable(endpoints_[endpoint], error->what), true, true});
    return std::unexpected(Failure{DcsError{ErrorKind::refused, "etcd: " + error->what}, false, false});
  }
  const auto json = Json::parse(answer->body, nullptr, false);
  if (json.is_object() && json.contains("token") && json["token"].is_string()) token_ = json["token"];
  if (token_.empty()) return std::unexpected(Failure{unreachable(endpoints_[endpoint], "gave no token"), true, true});
  return Try<void>{};
}

net::HttpRequest EtcdTransport::post(std::size_t endpoint, std::string_view path, std::string body) const {
  net::HttpRequest request;
  request.method = "POST";
  request.target = endpoints_[endpoint].api;
  request.target += path;
  request.headers.emplace_back("Content-Type", "application/json");
  if (!token_.empty() && path != "/auth/authenticate") request.headers.emplace_back("Authorization", token_);
  request.body = std::move(body);
  if (for_listing_) request.answer_bytes_max = listing_bytes_max;
  return request;
}

awaitable<DcsError> EtcdTransport::stream(std::string path, std::string body, Duration timeout, Chunk chunk) {
  if (endpoints_.empty()) co_return DcsError{ErrorKind::unreachable, "etcd: no endpoint is configured"};
  const auto deadline = Steady::now() + timeout;
  const auto endpoint = current_;
  auto asked = co_await checkout(endpoint, timeout);
  auto ready = asked ? co_await authenticate(endpoint, left(deadline)) : std::unexpected(asked.error());
  if (!ready) {
    if (ready.error().server_failed) leave(endpoint);
    co_return std::move(ready.error().error);
  }
  checkin(endpoint, std::move(*asked));

  const auto executor = co_await asio::this_coro::executor;
  // The client is shared, because the posted close may run after the stream has ended by itself.
  auto client = std::make_shared<net::HttpClient>(endpoints_[endpoint].url, tls_);
  auto error = std::make_shared<std::optional<DcsError>>();
  struct Listed {
    std::vector<Stream>& all;
    net::HttpClient* client;
    ~Listed() {
      std::erase_if(all, [this](const Stream& s) { return s.client == client; });
    }
  } listed{streams_, client.get()};
  streams_.push_back({endpoint, client.get()});
  std::function<void(std::string_view)> take = [client, error, executor,
                                                chunk = std::move(chunk)](std::string_view piece) {
    if (*error) return;
    *error = chunk(piece);
    // The close is posted, because a stream cannot be closed inside its own read.
    if (*error) asio::post(executor, [client] { client->close(); });
  };
  auto ended = co_await client->stream(post(endpoint, path, std::move(body)), left(deadline), Duration::zero(), take);
  if (*error) co_return std::move(**error);
  if (!ended) leave(endpoint);
  co_return unreachable(endpoints_[endpoint], ended ? "the server ended the watch" : ended.error().what);
}

void EtcdTransport::leave(std::size_t endpoint) {
  std::erase_if(idle_, [&](const Idle& idle) { return idle.endpoint == endpoint; });
  if (current_ == endpoint) current_ = (endpoint + 1) % endpoints_.size();
  for (const auto& stream : std::vector(streams_)) {
    if (stream.endpoint == endpoint) stream.client->close();
  }
}

void EtcdTransport::selected(std::size_t endpoint) {
  current_ = endpoint;
  if (logged_ == endpoint || for_listing_) return;
  logged_ = endpoint;
  log::info("Selected new etcd server {}", endpoints_[endpoint].text);
}

}  // namespace tamada::dcs
