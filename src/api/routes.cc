#include "api/routes.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "api/auth.h"
#include "api/errors.h"
#include "api/health.h"
#include "api/metrics.h"
#include "api/status.h"
#include "net/event.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "wire/cluster_json.h"
#include "wire/json.h"
#include "wire/python_json.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;
using net::HttpResponse;

namespace {

// The journal is made before any code waits for publications, so that it has recorded a publication when the waiting
// code is woken.
std::shared_ptr<Journal> journal_of(Board& board) {
  auto journal = std::make_shared<Journal>();
  board.on_publish([journal](const std::shared_ptr<const Snapshot>& next) { journal->look(*next); });
  return journal;
}

// The clients of the stream are woken as publications, so their texts must be made before, too.
std::shared_ptr<EventStream> event_stream_of(Board& board, std::shared_ptr<const Journal> journal,
                                             const net::Clock& clock) {
  const auto started = std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch());
  auto stream = std::make_shared<EventStream>(std::to_string(started.count()), std::move(journal));
  board.on_publish([stream](const std::shared_ptr<const Snapshot>& next) { stream->look(*next); });
  return stream;
}

constexpr auto moment = std::chrono::milliseconds(100);

// Whether the request comes from a web page of another server. Browsers name the page by Origin, other programs send no
// Origin. If the API requires no password, a form on any page that somebody opens could otherwise change the cluster.
bool is_of_another_page(const net::HttpRequest& request) {
  const auto* origin = request.header("Origin");
  if (!origin) return false;
  const auto* host = request.header("Host");
  const auto scheme_end = origin->find("://");
  const auto lower = [](unsigned char c) { return std::tolower(c); };
  if (!host || scheme_end == origin->npos) return true;
  return !std::ranges::equal(std::string_view(*origin).substr(scheme_end + 3), *host, {}, lower, lower);
}

bool is_json(const net::HttpRequest& request) {
  const auto* type = request.header("Content-Type");
  return type && type->starts_with("application/json");
}

bool is_read(std::string_view method) { return method == "GET" || method == "HEAD" || method == "OPTIONS"; }

}  // namespace

struct RestApi::Shared {
  HttpResponse response;
  std::shared_ptr<const std::string> text;  // the same answer as bytes to send
  core::Instant made{};
};

// Answers as bytes to send, made from one snapshot. An answer is used until the time at which it could differ.
struct RestApi::Prepared {
  static constexpr std::size_t answers_max = 64;  // clients choose the targets, so no more than this are kept

  std::map<std::string, std::shared_ptr<const std::string>, std::less<>> get, head, options;
  core::Instant until{};
  std::map<const void*, Shared> shared;

  auto* of(std::string_view method) {
    return method == "GET" ? &get : method == "HEAD" ? &head : method == "OPTIONS" ? &options : nullptr;
  }
  void clear() {
    get.clear();
    head.clear();
    options.clear();
    shared.clear();
    until = {};
  }
};

RestApi::RestApi(asio::any_io_executor executor, Board& board, Commands& commands, net::Clock& clock,
                 RestApiOptions options)
    : executor_(executor),
      board_(board),
      commands_(commands),
      clock_(clock),
      journal_(journal_of(board)),
      event_stream_(event_stream_of(board, journal_, clock)),
      publications_(executor, board, clock),
      prepared_(std::make_shared<Prepared>()) {
  configure(std::move(options));
  board_.on_publish([samples = samples_](const std::shared_ptr<const Snapshot>& next) { samples->look(*next); });
  board_.on_publish([weak = std::weak_ptr(prepared_)](const std::shared_ptr<const Snapshot>&) {
    if (const auto prepared = weak.lock()) prepared->clear();
  });
}

void RestApi::configure(RestApiOptions options) {
  options_ = std::move(options);
  if (!options_.ask_peer) options_.ask_peer = ask_by_http(std::nullopt, std::chrono::seconds(2));
  if (!options_.tell_peer) options_.tell_peer = tell_by_http(std::nullopt);
  if (!options_.telemetry) options_.telemetry = std::make_shared<Telemetry>();
  samples_->take_from(options_.telemetry);
  prepared_->clear();
}

std::span<const RestApi::Route> RestApi::routes() {
  static constexpr std::array<Route, 21> table{{
      {"GET", "patroni", Route::Access::free, &RestApi::get_patroni},
      {"GET", "cluster", Route::Access::free, &RestApi::get_shared},
      {"GET", "history", Route::Access::free, &RestApi::get_shared},
      {"GET", "config", Route::Access::free, &RestApi::get_shared},
      {"GET", "metrics", Route::Access::free, &RestApi::get_shared},
      {"GET", "failsafe", Route::Access::free, &RestApi::get_shared},
      {"GET", "tamada", Route::Access::free, &RestApi::get_tamada},
      {"POST", "tamada", Route::Access::restricted, &RestApi::change_tamada},
      {"DELETE", "tamada", Route::Access::restricted, &RestApi::change_tamada},
      {"GET", "ui", Route::Access::free, &RestApi::get_ui},
      {"HEAD", "ui", Route::Access::free, &RestApi::get_ui},
      {"PATCH", "config", Route::Access::restricted, &RestApi::patch_config},
      {"PUT", "config", Route::Access::restricted, &RestApi::put_config},
      {"POST", "reload", Route::Access::restricted, &RestApi::post_reload},
      {"POST", "restart", Route::Access::restricted, &RestApi::post_restart},
      {"DELETE", "restart", Route::Access::restricted, &RestApi::delete_restart},
      {"POST", "reinitialize", Route::Access::restricted, &RestApi::post_reinitialize},
      {"POST", "failsafe", Route::Access::restricted_to_list, &RestApi::post_failsafe},
      {"POST", "switchover", Route::Access::restricted, &RestApi::post_switchover},
      {"POST", "failover", Route::Access::restricted, &RestApi::post_failover},
      {"DELETE", "switchover", Route::Access::restricted, &RestApi::delete_switchover},
  }};
  return table;
}

std::span<const RestApi::Read> RestApi::reads() {
  using enum Read::Good;
  static constexpr std::array<Read, 10> table{{
      {"patroni", &RestApi::patroni, when_fresh},
      {"cluster", &RestApi::cluster, for_snapshot},
      {"history", &RestApi::history, for_snapshot},
      {"config", &RestApi::config, for_snapshot},
      {"metrics", &RestApi::metrics, for_moment},
      {"failsafe", &RestApi::failsafe, for_snapshot},
      {"tamada/explain", &RestApi::explanation, for_moment},
      {"tamada/handover", &RestApi::last_handover, for_moment},
      {"tamada/parameters", &RestApi::parameters, for_snapshot},
      {"tamada/samples", &RestApi::samples, for_moment},
  }};
  return table;
}

// As in Patroni, the first part of the path selects the answer; below /tamada/ the whole path selects it.
const RestApi::Read* RestApi::read_of(const Target& target) const {
  const auto segment = target.segment();
  const auto path = segment == "tamada" ? std::string_view(target.path).substr(1) : segment;
  const auto it = std::ranges::find(reads(), path, &Read::path);
  return it == reads().end() ? nullptr : &*it;
}

const RestApi::Shared& RestApi::shared_answer(const Read& read, core::Instant now) {
  auto& shared = prepared_->shared[&read];
  const bool good = shared.text && (read.good == Read::Good::for_snapshot || now - shared.made < moment);
  if (!good) {
    shared.response = (this->*read.reading)();
    shared.text = std::make_shared<const std::string>(net::serialize(with_own_headers(shared.response), true, false));
    shared.made = now;
  }
  return shared;
}

std::shared_ptr<const std::string> RestApi::fast(std::string_view method, std::string_view target) {
  auto* answers = prepared_->of(method);
  if (!answers) return nullptr;
  const auto now = clock_.now();
  if (now >= prepared_->until) {
    prepared_->clear();
    prepared_->until = answers_change_at(*board_.latest(), now);
  }
  if (const auto it = answers->find(target); it != answers->end()) return it->second;

  const auto split = split_target(target);
  if (const auto* read = method == "GET" ? read_of(split) : nullptr) {
    if (read->good == Read::Good::when_fresh && !is_fresh(now)) return nullptr;
    return shared_answer(*read, now).text;
  }
  const auto is_other = [&](const Route& route) { return route.method == method && route.segment == split.segment(); };
  if (std::ranges::any_of(routes(), is_other)) return nullptr;
  auto answer =
      std::make_shared<const std::string>(net::serialize(health_response(method, split), true, method == "HEAD"));
  if (answers->size() < Prepared::answers_max) answers->emplace(target, answer);
  return answer;
}

awaitable<HttpResponse> RestApi::handle(net::HttpRequest request) {
  Call call{std::move(request), {}};
  call.target = split_target(call.request.target);
  const auto& method = call.request.method;
  const auto matches = [&](const Route& route) {
    return route.method == method && route.segment == call.target.segment();
  };
  const auto route = std::ranges::find_if(routes(), matches);
  if (route == routes().end()) {
    co_return is_read(method) ? health_response(method, call.target) : with_own_headers(unsupported_method(method));
  }
  if (route->access != Route::Access::free) {
    if (auto refusal = co_await denied(call, *route)) co_return with_own_headers(std::move(*refusal));
  }
  const auto action = route->action;
  co_return with_own_headers(co_await (this->*action)(std::move(call)));
}

HttpResponse RestApi::health_response(std::string_view method, const Target& target) const {
  const auto snapshot = board_.latest();
  const auto now = clock_.now();
  const int status = health(*snapshot, now, target.path, target.query);
  const auto segment = target.segment();
  // As in Patroni, the answer to these two, and to any HEAD or OPTIONS, is a status without a body.
  if (method != "GET" || segment == "liveness" || segment == "readiness") {
    return with_own_headers({status, {}, {}});
  }
  return with_own_headers(json(status, status_json(*snapshot, now, {options_.scope, options_.name})));
}

HttpResponse RestApi::with_own_headers(HttpResponse response) const {
  response.headers.insert(response.headers.end(), options_.own_headers.begin(), options_.own_headers.end());
  return response;
}

awaitable<bool> RestApi::is_allowed(std::string address, bool members_too) {
  if (options_.allowlist.contains(address)) co_return true;
  if (!members_too) co_return false;
  std::vector<std::string> hosts;
  for (const auto& [name, member] : board_.latest()->seen.cluster.members) {
    if (const auto url = net::Url::parse(member.api_url)) hosts.push_back(url->host);
  }
  co_return co_await resolves_to(std::move(hosts), std::move(address));
}

// Checks in Patroni's order: the address, the certificate, the password.
awaitable<std::optional<HttpResponse>> RestApi::denied(const Call& call, const Route& route) {
  const auto& request = call.request;
  if (is_of_another_page(request)) co_return text(403, "A page of another site may not change anything here");
  if (request.header("Origin") && !request.body.empty() && !is_json(request))
    co_return text(415, "Pages send application/json");
  const bool members_too = options_.allow_members && route.access != Route::Access::restricted_to_list;
  if (!options_.allowlist.empty() || members_too) {
    if (!co_await is_allowed(request.peer_address, members_too)) co_return text(403, "Access is denied");
  }
  if (options_.require_client_certificate && !request.client_certificate)
    co_return text(403, "client certificate required");
  auto reason = authentication_failure(request.header("Authorization"), options_.username, options_.password);
  if (!reason) co_return std::nullopt;
  auto response = text(401, std::move(*reason));
  response.headers.emplace(response.headers.begin(), "WWW-Authenticate", "Basic realm=\"Patroni\"");
  co_return response;
}

HttpResponse RestApi::text(int status, std::string body, std::string type) const {
  HttpResponse response{status, {{"Content-Type", std::move(type)}}, std::move(body)};
  response.headers.insert(response.headers.end(), options_.extra_headers.begin(), options_.extra_headers.end());
  return response;
}

HttpResponse RestApi::json(int status, const Json& body) const {
  return text(status, wire::dump_python(body), "application/json");
}

HttpResponse RestApi::dcs_failed(const core::Error& error) const {
  return text(503, "DCS request failed: " + error.what);
}

awaitable<RestApi::WithKeys> RestApi::read_keys() {
  auto keys = co_await commands_.read_keys();
  if (!keys) co_return std::unexpected(dcs_failed(keys.error()));
  auto snapshot = std::make_shared<Snapshot>(*board_.latest());
  snapshot->seen.cluster = std::move(*keys);
  co_return snapshot;
}

awaitable<void> RestApi::await_shown(std::function<bool(const core::ClusterView&)> shown) {
  co_await publications_.wait([shown = std::move(shown)](const Snapshot& s) { return shown(s.seen.cluster); },
                              clock_.now() + std::chrono::seconds(1));
}

// Whether the last observation is recent. Members compare their positions by this answer before one of them is
// promoted, so it must not be old then.
bool RestApi::is_fresh(core::Instant now) const {
  const auto snapshot = board_.latest();
  return now - snapshot->seen.now <= std::chrono::milliseconds(200) && !status_of(*snapshot, now).cluster_unlocked;
}

struct RestApi::Refresh {
  std::vector<std::shared_ptr<net::Event>> waiting;
};

// Asks the agent for an observation, once however many requests wait for it.
awaitable<void> RestApi::refresh() {
  if (refresh_) {
    const auto done = std::make_shared<net::Event>(executor_);
    refresh_->waiting.push_back(done);
    co_return co_await done->wait();
  }
  const auto mine = refresh_ = std::make_shared<Refresh>();
  const auto end = [&] {
    refresh_.reset();
    for (const auto& other : mine->waiting) other->notify();
  };
  try {
    co_await commands_.refresh(std::chrono::seconds(1));
  } catch (...) {
    end();
    throw;
  }
  end();
}

awaitable<HttpResponse> RestApi::get_patroni(Call call) {
  if (!is_fresh(clock_.now())) co_await refresh();
  co_return co_await get_shared(std::move(call));
}

awaitable<HttpResponse> RestApi::get_shared(Call call) {
  co_return shared_answer(*read_of(call.target), clock_.now()).response;
}

HttpResponse RestApi::patroni() const {
  return json(200, status_json(*board_.latest(), clock_.now(), {options_.scope, options_.name}));
}

HttpResponse RestApi::cluster() const {
  return json(200, wire::cluster_json(board_.latest()->seen.cluster, options_.scope));
}

HttpResponse RestApi::history() const {
  const auto snapshot = board_.latest();
  auto out = Json::array();
  if (const auto& history = snapshot->seen.cluster.history) {
    for (const auto& line : *history) {
      auto entry = Json::array({line.timeline, line.lsn, line.reason});
      if (!line.timestamp.empty()) entry.push_back(line.timestamp);
      if (!line.new_leader.empty()) entry.push_back(line.new_leader);
      out.push_back(std::move(entry));
    }
  }
  return json(200, out);
}

HttpResponse RestApi::config() const {
  const auto snapshot = board_.latest();
  const auto& text = snapshot->seen.cluster.config_json;
  const auto config = text ? wire::parse_object(*text) : std::nullopt;
  return config ? json(200, *config) : error_page(502);
}

HttpResponse RestApi::metrics() const {
  return text(
      200,
      metrics_text(*board_.latest(), clock_.now(), {options_.scope, options_.name}, *journal_, *options_.telemetry),
      "text/plain");
}

HttpResponse RestApi::failsafe() const {
  const auto snapshot = board_.latest();
  const auto& failsafe = snapshot->seen.cluster.failsafe;
  if (!failsafe || !snapshot->seen.settings.failsafe_mode) return error_page(502);
  auto out = Json::object();
  for (const auto& [name, url] : *failsafe) out[name] = url;
  return json(200, out);
}

}  // namespace tamada::api
