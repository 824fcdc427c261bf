// Requests about this node's own server: reload, restart, reinitialize.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <ranges>

#include "api/body.h"
#include "api/errors.h"
#include "api/query.h"
#include "api/routes.h"
#include "api/status.h"
#include "wire/json.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;
using net::HttpResponse;

namespace {

// "15.2" -> 150002, "9.6.3" -> 90603; the error is Patroni's sentence.
std::expected<int, std::string> parse_server_version(const std::string& text) {
  std::vector<int> parts;
  for (const auto part : std::views::split(text, '.')) {
    int value = 0;
    const std::string_view digits(part.begin(), part.end());
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size() || value < 0 || value > 9999)
      return std::unexpected(fmt::format("Invalid PostgreSQL version: {}", text));
    parts.push_back(value);
  }
  if (parts.size() < 2 || parts.size() > 3 || (parts.size() == 2 && parts[0] < 10))
    return std::unexpected(fmt::format("Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: {}", text));
  if (parts.size() == 2) parts.insert(parts.begin() + 1, 0);
  return parts[0] * 10000 + parts[1] * 100 + parts[2];
}

struct RestartRequest {
  std::string role;
  std::optional<int> below_version;
  bool only_pending = false;
  std::optional<core::Duration> timeout;
  std::optional<core::WallTime> schedule;
};

std::string as_text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::optional<Refusal> read_role(const Json& value, RestartRequest& out) {
  constexpr std::array<std::string_view, 3> roles{"primary", "standby_leader", "replica"};
  out.role = as_text(value);
  if (std::ranges::find(roles, out.role) != roles.end()) return std::nullopt;
  return Refusal{400, "PostgreSQL role should be either primary, standby_leader, or replica"};
}

std::optional<Refusal> read_version(const Json& value, RestartRequest& out) {
  const auto version = parse_server_version(as_text(value));
  if (!version) return Refusal{400, version.error()};
  out.below_version = *version;
  return std::nullopt;
}

std::optional<Refusal> read_timeout(const Json& value, RestartRequest& out) {
  constexpr std::int64_t longest_s = 365L * 86400;
  const auto seconds = parse_quantity(as_text(value), Unit::seconds);
  if (!seconds || *seconds <= 0) return Refusal{400, "Timeout should be a positive number of seconds"};
  out.timeout = std::chrono::seconds(std::min(*seconds, longest_s));
  return std::nullopt;
}

// In the order of the body, as Patroni: the first fault is the one that is told.
std::expected<RestartRequest, Refusal> read_restart(const Json& body, core::WallTime now) {
  RestartRequest out;
  for (const auto& [key, value] : body.items()) {
    std::optional<Refusal> refusal;
    if (key == "schedule") {
      const auto at = parse_schedule(value, "restart", now);
      if (!at) return std::unexpected(at.error());
      out.schedule = *at;
    } else if (key == "role") {
      refusal = read_role(value, out);
    } else if (key == "postgres_version") {
      refusal = read_version(value, out);
    } else if (key == "timeout") {
      refusal = read_timeout(value, out);
    } else if (key == "restart_pending") {
      out.only_pending = true;  // whatever its value
    } else {
      refusal = Refusal{400, fmt::format("Unknown filter for the scheduled restart: {}", key)};
    }
    if (refusal) return std::unexpected(std::move(*refusal));
  }
  return out;
}

bool conditions_hold(const Snapshot& snapshot, const RestartRequest& request) {
  const auto& postgres = snapshot.seen.postgres;
  if (!request.role.empty() && request.role != snapshot.role) return false;
  if (request.below_version && *request.below_version <= postgres.server_version) return false;
  return !request.only_pending || (postgres.sql && !postgres.sql->pending_restart.empty());
}

std::string job_text(core::JobKind kind) {
  switch (kind) {
    case core::JobKind::bootstrap:
      return "bootstrap";
    case core::JobKind::basebackup:
      return "reinitialize";
    case core::JobKind::promote:
      return "promote";
    case core::JobKind::rewind:
      return "pg_rewind";
    case core::JobKind::stop:
      return "stop";
    case core::JobKind::start:
    case core::JobKind::restart:
    case core::JobKind::none:
      break;
  }
  return "restart";
}

enum class Restarted { not_yet, going_down, up, failed };

Restarted progress(const Snapshot& s, const std::string& started_before, std::uint64_t job_before) {
  const auto& job = s.seen.job;
  const bool about_it =
      job.kind == core::JobKind::restart || job.kind == core::JobKind::start || job.kind == core::JobKind::stop;
  if (job.id > job_before && about_it && job.state == core::JobState::failed) return Restarted::failed;
  const auto& sql = s.seen.postgres.sql;
  if (!sql || s.state != "running") return Restarted::going_down;
  return sql->postmaster_start_time == started_before ? Restarted::not_yet : Restarted::up;
}

}  // namespace

awaitable<HttpResponse> RestApi::post_reload(Call) {
  commands_.reload();
  co_return text(202, "reload scheduled");
}

awaitable<HttpResponse> RestApi::post_restart(Call call) {
  const auto body = json_body(call.request, Body::optional);
  if (!body) co_return body.error();
  const auto snapshot = board_.latest();
  if (body->contains("schedule") && status_of(*snapshot, clock_.now()).pause)
    co_return text(500, "Can't schedule restart in the paused state");
  const auto request = read_restart(*body, clock_.wall());
  if (!request) co_return text(request.error().status, request.error().text);
  if (request->schedule) co_return error_page(501, "Scheduled restarts are not supported yet");
  if (!conditions_hold(*snapshot, *request)) co_return text(503, "restart conditions are not satisfied");
  if (snapshot->seen.requests.restart) co_return text(503, "restart already in progress");
  if (snapshot->seen.job.running()) co_return text(503, job_text(snapshot->seen.job.kind) + " already in progress");
  co_return co_await restart_now(request->timeout.value_or(snapshot->seen.settings.primary_start_timeout));
}

awaitable<HttpResponse> RestApi::restart_now(core::Duration timeout) {
  // Stopping has a limit of its own: the last checkpoint may take long, and Patroni's timeout counts the start only.
  constexpr auto stop_max = std::chrono::minutes(10);
  const auto before = board_.latest();
  const auto started = before->seen.postgres.sql ? before->seen.postgres.sql->postmaster_start_time : "";
  const auto job = before->seen.job.id;
  commands_.restart();
  auto last = std::make_shared<Restarted>(Restarted::not_yet);
  if (before->seen.postgres.sql) {
    co_await publications_.wait(
        [=](const Snapshot& s) { return (*last = progress(s, started, job)) != Restarted::not_yet; },
        clock_.now() + stop_max);
  }
  if (*last != Restarted::up && *last != Restarted::failed) {
    co_await publications_.wait(
        [=](const Snapshot& s) {
          *last = progress(s, started, job);
          return *last == Restarted::up || *last == Restarted::failed;
        },
        clock_.now() + timeout);
  }
  if (*last == Restarted::up) co_return text(200, "restarted successfully");
  co_return text(503, *last == Restarted::failed ? "restart failed" : "postgres is still starting");
}

awaitable<HttpResponse> RestApi::delete_restart(Call) { co_return text(404, "no restarts are scheduled"); }

awaitable<HttpResponse> RestApi::post_reinitialize(Call call) {
  const auto body = json_body(call.request, Body::optional);
  if (!body) co_return body.error();
  const auto snapshot = board_.latest();
  const auto& seen = snapshot->seen;
  if (seen.cluster.unlocked()) co_return text(503, "Cluster has no leader, can not reinitialize");
  if (seen.cluster.leader->name == options_.name) co_return text(503, "I am the leader, can not reinitialize");
  if (!is_true(*body, "force")) {
    if (seen.requests.reinitialize) co_return text(503, "reinitialize already in progress");
    if (seen.job.running()) co_return text(503, job_text(seen.job.kind) + " already in progress");
  }
  commands_.reinitialize();
  co_return text(200, "reinitialize started");
}

// Failsafe mode is not there yet; what Patroni says where it is not enabled.
awaitable<HttpResponse> RestApi::post_failsafe(Call) { co_return error_page(502); }

}  // namespace tamada::api
