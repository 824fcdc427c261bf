#include "api/routes.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "api/auth.h"
#include "api/errors.h"
#include "api/health.h"
#include "api/metrics.h"
#include "api/status.h"
#include "net/http_server.h"
#include "wire/cluster_json.h"
#include "wire/json.h"
#include "wire/python_json.h"

namespace tamada::api {
namespace {

using Json = nlohmann::ordered_json;
using net::HttpResponse;

bool is_read(std::string_view method) { return method == "GET" || method == "HEAD" || method == "OPTIONS"; }

}  // namespace

// Answers as they go over the wire, of one snapshot, for as long as time alone does not change them.
struct RestApi::Prepared {
  static constexpr std::size_t answers_max = 64;  // targets come from outside: what is more is not kept

  std::map<std::string, std::shared_ptr<const std::string>, std::less<>> get, head, options;
  core::Instant until{};

  auto* of(std::string_view method) {
    return method == "GET" ? &get : method == "HEAD" ? &head : method == "OPTIONS" ? &options : nullptr;
  }
  void clear() {
    get.clear();
    head.clear();
    options.clear();
    until = {};
  }
};

RestApi::RestApi(asio::any_io_executor executor, Board& board, Commands& commands, net::Clock& clock,
                 RestApiOptions options)
    : executor_(executor),
      board_(board),
      commands_(commands),
      clock_(clock),
      publications_(executor, board, clock),
      prepared_(std::make_shared<Prepared>()) {
  configure(std::move(options));
  board_.on_publish([weak = std::weak_ptr(prepared_)](const std::shared_ptr<const Snapshot>&) {
    if (const auto prepared = weak.lock()) prepared->clear();
  });
}

void RestApi::configure(RestApiOptions options) {
  options_ = std::move(options);
  if (!options_.ask_peer) options_.ask_peer = ask_by_http(std::nullopt, std::chrono::seconds(2));
  prepared_->clear();
}

std::span<const RestApi::Route> RestApi::routes() {
  static constexpr std::array<Route, 16> table{{
      {"GET", "patroni", true, &RestApi::get_patroni},
      {"GET", "cluster", true, &RestApi::get_cluster},
      {"GET", "history", true, &RestApi::get_history},
      {"GET", "config", true, &RestApi::get_config},
      {"GET", "metrics", true, &RestApi::get_metrics},
      {"GET", "failsafe", true, &RestApi::get_failsafe},
      {"PATCH", "config", false, &RestApi::patch_config},
      {"PUT", "config", false, &RestApi::put_config},
      {"POST", "reload", false, &RestApi::post_reload},
      {"POST", "restart", false, &RestApi::post_restart},
      {"DELETE", "restart", false, &RestApi::delete_restart},
      {"POST", "reinitialize", false, &RestApi::post_reinitialize},
      {"POST", "failsafe", false, &RestApi::post_failsafe},
      {"POST", "switchover", false, &RestApi::post_switchover},
      {"POST", "failover", false, &RestApi::post_failover},
      {"DELETE", "switchover", false, &RestApi::delete_switchover},
  }};
  return table;
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
    if (is_read(method)) co_return health_response(method, call.target);
    co_return unsupported_method(method);
  }
  if (!route->safe) {
    if (auto refusal = denied(call.request)) co_return std::move(*refusal);
  }
  const auto action = route->action;
  co_return co_await (this->*action)(std::move(call));
}

HttpResponse RestApi::health_response(std::string_view method, const Target& target) const {
  const auto snapshot = board_.latest();
  const auto now = clock_.now();
  const int status = health(*snapshot, now, target.path, target.query);
  const auto segment = target.segment();
  // Patroni: these two, and whatever is asked by HEAD or OPTIONS, are a status and nothing more.
  if (method != "GET" || segment == "liveness" || segment == "readiness") {
    return {status, options_.extra_headers, {}};
  }
  return json(status, status_json(*snapshot, now, {options_.scope, options_.name}));
}

std::optional<HttpResponse> RestApi::denied(const net::HttpRequest& request) const {
  if (options_.require_client_certificate && !request.client_certificate)
    return text(403, "client certificate required");
  auto reason = authentication_failure(request.header("Authorization"), options_.username, options_.password);
  if (!reason) return std::nullopt;
  auto response = text(401, std::move(*reason));
  response.headers.emplace(response.headers.begin(), "WWW-Authenticate", "Basic realm=\"Patroni\"");
  return response;
}

HttpResponse RestApi::text(int status, std::string body, std::string type) const {
  HttpResponse response{status, {{"Content-Type", std::move(type)}}, std::move(body)};
  response.headers.insert(response.headers.end(), options_.extra_headers.begin(), options_.extra_headers.end());
  return response;
}

HttpResponse RestApi::json(int status, const Json& body) const {
  return text(status, wire::dump_python(body), "application/json");
}

awaitable<HttpResponse> RestApi::get_patroni(Call) {
  // Members compare their positions by this answer before one of them promotes, so it must not be old then.
  const auto snapshot = board_.latest();
  const bool old = clock_.now() - snapshot->seen.now > std::chrono::milliseconds(200);
  if (old || status_of(*snapshot, clock_.now()).cluster_unlocked) {
    co_await commands_.refresh(std::chrono::seconds(1));
  }
  co_return json(200, status_json(*board_.latest(), clock_.now(), {options_.scope, options_.name}));
}

awaitable<HttpResponse> RestApi::get_cluster(Call) {
  co_return json(200, wire::cluster_json(board_.latest()->seen.cluster, options_.scope));
}

awaitable<HttpResponse> RestApi::get_history(Call) {
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
  co_return json(200, out);
}

awaitable<HttpResponse> RestApi::get_config(Call) {
  const auto snapshot = board_.latest();
  const auto& text = snapshot->seen.cluster.config_json;
  const auto config = text ? wire::parse_object(*text) : std::nullopt;
  co_return config ? json(200, *config) : error_page(502);
}

awaitable<HttpResponse> RestApi::get_metrics(Call) {
  co_return text(200, metrics_text(*board_.latest(), clock_.now(), {options_.scope, options_.name}), "text/plain");
}

awaitable<HttpResponse> RestApi::get_failsafe(Call) {
  const auto snapshot = board_.latest();
  const auto& failsafe = snapshot->seen.cluster.failsafe;
  if (!failsafe) co_return error_page(502);
  auto out = Json::object();
  for (const auto& [name, url] : *failsafe) out[name] = url;
  co_return json(200, out);
}

}  // namespace tamada::api
