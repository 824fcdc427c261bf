// POST and DELETE /restart: restarts postgres now or at a given time, if conditions are met.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "api/body.h"
#include "api/errors.h"
#include "api/routes.h"
#include "api/status.h"
#include "core/restart_conditions.h"
#include "net/log.h"
#include "wire/number.h"
#include "wire/restart_request.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;
using net::HttpResponse;

namespace {

std::string as_text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::optional<Refusal> read_role(const Json& value, core::RestartRequest& out) {
  constexpr std::array<std::string_view, 3> roles{"primary", "standby_leader", "replica"};
  out.role = as_text(value);
  if (std::ranges::find(roles, out.role) != roles.end()) return std::nullopt;
  return Refusal{400, "PostgreSQL role should be either primary, standby_leader, or replica"};
}

std::optional<Refusal> read_version(const Json& value, core::RestartRequest& out) {
  const auto version = wire::parse_server_version(as_text(value));
  if (!version) return Refusal{400, version.error()};
  out.below_version = *version;
  return std::nullopt;
}

std::optional<Refusal> read_timeout(const Json& value, core::RestartRequest& out) {
  constexpr std::int64_t longest_s = 365L * 86400;
  const auto seconds = wire::parse_whole(as_text(value), "s");
  if (!seconds || *seconds <= 0) return Refusal{400, "Timeout should be a positive number of seconds"};
  out.timeout = std::chrono::seconds(std::min(*seconds, longest_s));
  return std::nullopt;
}

std::optional<Refusal> read_schedule(const Json& value, core::WallTime now, core::RestartRequest& out) {
  const auto at = parse_schedule(value, "restart", now);
  if (!at) return at.error();
  out.schedule = *at;
  return std::nullopt;
}

// As in Patroni, the members are read in the body's order and the first fault is reported.
std::expected<core::RestartRequest, Refusal> read_restart(const Json& body, core::WallTime now) {
  core::RestartRequest out;
  for (const auto& [key, value] : body.items()) {
    std::optional<Refusal> refusal;
    if (key == "schedule") {
      refusal = read_schedule(value, now, out);
    } else if (key == "role") {
      refusal = read_role(value, out);
    } else if (key == "postgres_version") {
      refusal = read_version(value, out);
    } else if (key == "timeout") {
      refusal = read_timeout(value, out);
    } else if (key == "restart_pending") {
      out.only_pending = true;  // as in Patroni, whatever the value is
    } else {
      refusal = Refusal{400, fmt::format("Unknown filter for the scheduled restart: {}", key)};
    }
    if (refusal) return std::unexpected(std::move(*refusal));
  }
  return out;
}

enum class Restarted { not_yet, going_down, up, failed };

Restarted progress(const Snapshot& s, const std::string& started_before, std::uint64_t job_before) {
  const auto& job = s.seen.job;
  const bool about_it = job.kind == core::JobKind::start || job.kind == core::JobKind::stop;
  if (job.id > job_before && about_it && job.state == core::JobState::failed) return Restarted::failed;
  const auto& sql = s.seen.postgres.sql;
  if (!sql || s.state != "running") return Restarted::going_down;
  return sql->postmaster_start_time == started_before ? Restarted::not_yet : Restarted::up;
}

}  // namespace

awaitable<HttpResponse> RestApi::post_restart(Call call) {
  const auto body = json_body(call.request, Body::optional);
  if (!body) co_return body.error();
  if (body->contains("schedule")) {
    const auto with_keys = co_await read_keys();
    if (!with_keys) co_return with_keys.error();
    if (status_of(**with_keys, clock_.now()).pause) co_return text(500, "Can't schedule restart in the paused state");
  }
  const auto snapshot = board_.latest();
  auto request = read_restart(*body, clock_.wall());
  if (!request) co_return text(request.error().status, request.error().text);
  const auto& seen = snapshot->seen;
  if (seen.postgres.sql) request->postmaster_start_time = seen.postgres.sql->postmaster_start_time;
  wire::publish_as(*request, *body);
  if (request->schedule) co_return co_await schedule_restart(std::move(*request));
  if (const auto why = core::restart_obstacle(seen, snapshot->role, *request)) {
    log::info("not proceeding with the restart: {}", *why);
    co_return text(503, "restart conditions are not satisfied");
  }
  if (seen.requests.restart) co_return text(503, "restart already in progress");
  if (seen.job.running()) co_return text(503, job_text(seen.job.kind) + " already in progress");
  co_return co_await restart_now(std::move(*request));
}

// Returns when our own answers show the scheduled restart.
awaitable<HttpResponse> RestApi::schedule_restart(core::RestartRequest request) {
  if (board_.latest()->seen.requests.scheduled_restart) co_return text(409, "Another restart is already scheduled");
  commands_.schedule_restart(std::move(request));
  co_await publications_.wait([](const Snapshot& s) { return s.seen.requests.scheduled_restart.has_value(); },
                              clock_.now() + std::chrono::seconds(1));
  co_return text(202, "Restart scheduled");
}

awaitable<HttpResponse> RestApi::restart_now(core::RestartRequest request) {
  // Stopping has its own limit, because the last checkpoint may take long, and because Patroni's timeout counts only
  // the start.
  constexpr auto stop_max = std::chrono::minutes(10);
  const auto before = board_.latest();
  const auto timeout = request.timeout.value_or(before->seen.settings.primary_start_timeout);
  const auto started = before->seen.postgres.sql ? before->seen.postgres.sql->postmaster_start_time : "";
  const auto job = before->seen.job.id;
  commands_.restart(std::move(request));
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

awaitable<HttpResponse> RestApi::delete_restart(Call) {
  if (!board_.latest()->seen.requests.scheduled_restart) co_return text(404, "no restarts are scheduled");
  commands_.schedule_restart(std::nullopt);
  co_await publications_.wait([](const Snapshot& s) { return !s.seen.requests.scheduled_restart; },
                              clock_.now() + std::chrono::seconds(1));
  co_return text(200, "scheduled restart deleted");
}

}  // namespace tamada::api
