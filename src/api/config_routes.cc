// PATCH and PUT /config: the dynamic configuration of the cluster.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "api/body.h"
#include "api/errors.h"
#include "api/routes.h"
#include "net/log.h"
#include "wire/json.h"
#include "wire/json_merge.h"
#include "wire/python_json.h"
#include "wire/restart_request.h"

namespace tamada::api {

using net::HttpResponse;

namespace {

// Another attempt may succeed, because our view of the key may be older than what somebody has just written.
constexpr int config_attempts_max = 3;
// A daemon that has just started reads the key to be changed within a moment.
constexpr auto first_view_within = std::chrono::seconds(3);
// A member acts on a change at once, asks its server, and writes its key.
constexpr auto pending_told_within = std::chrono::seconds(2);

}  // namespace

awaitable<bool> RestApi::await_config_other_than(core::Revision revision) {
  co_return co_await publications_.wait(
      [revision](const Snapshot& s) { return s.seen.cluster.config_revision != revision; },
      clock_.now() + std::chrono::seconds(1));
}

awaitable<void> RestApi::await_first_view() {
  co_await publications_.wait([](const Snapshot& s) { return s.seen.cluster.loaded; },
                              clock_.now() + first_view_within);
}

// Returns only when our own answers show the change, because a client that reads after writing expects to see it.
awaitable<core::Result<bool>> RestApi::write_config(std::string json, core::Revision expected) {
  auto written = co_await commands_.write_config(std::move(json), expected);
  if (written && *written) co_await await_config_other_than(expected);
  co_return written;
}

bool RestApi::judged(const Call& call, const Snapshot& snapshot, const nlohmann::ordered_json& after,
                     HttpResponse& answer, std::vector<std::string>& restarts) const {
  answer = json(200, after);
  if (!options_.judge_config) return true;
  const auto& text = snapshot.seen.cluster.config_json;
  const auto before = text ? wire::parse_object(*text) : std::nullopt;
  auto verdict = options_.judge_config(before.value_or(nlohmann::ordered_json::object()), after,
                                       snapshot.seen.postgres.server_version, commands_.server_parameters());
  const auto query = parse_query(call.target.query);
  const auto* force = find(query, "force");
  if (force && *force == "true") {
    verdict.warnings.insert(verdict.warnings.begin(), verdict.errors.begin(), verdict.errors.end());
    verdict.errors.clear();
  }
  const auto joined = [](const std::vector<std::string>& lines, std::string_view between) {
    return fmt::format("{}", fmt::join(lines, between));
  };
  if (!verdict.errors.empty()) {
    log::warning("refused a change of the configuration: {}", joined(verdict.errors, "; "));
    answer =
        this->text(400, joined(verdict.errors, "\n") + "\nNothing was changed; ?force=true changes it all the same\n",
                   "text/plain");
    return false;
  }
  if (!verdict.warnings.empty()) answer.headers.emplace_back("Tamada-Warning", joined(verdict.warnings, "; "));
  if (!verdict.effects.empty()) answer.headers.emplace_back("Tamada-Effect", joined(verdict.effects, "; "));
  restarts = std::move(verdict.restarts);
  return true;
}

awaitable<void> RestApi::name_pending(std::shared_ptr<const Snapshot> before, std::vector<std::string> parameters,
                                      HttpResponse& answer) {
  if (parameters.empty()) co_return;
  co_await publications_.wait(
      [=](const Snapshot& s) {
        return wire::waiting_for_restart(before->seen.cluster, s.seen.cluster, parameters).told;
      },
      clock_.now() + pending_told_within);
  const auto waiting = wire::waiting_for_restart(before->seen.cluster, board_.latest()->seen.cluster, parameters);
  if (!waiting.names.empty()) answer.headers.emplace_back("Tamada-Pending-Restart", waiting.names);
}

awaitable<HttpResponse> RestApi::patch_config(Call call) {
  const auto patch = json_body(call.request, Body::required);
  if (!patch) co_return patch.error();
  co_await await_first_view();
  for (int attempt = 0; attempt < config_attempts_max; ++attempt) {
    const auto snapshot = board_.latest();
    const auto& cluster = snapshot->seen.cluster;
    auto config = cluster.config_json ? wire::parse_object(*cluster.config_json) : std::nullopt;
    if (!config) co_return error_page(503);
    if (!wire::merge_json(*config, *patch)) co_return json(200, *config);
    HttpResponse answer;
    std::vector<std::string> restarts;
    if (!judged(call, *snapshot, *config, answer, restarts)) co_return answer;
    const auto written = co_await write_config(wire::dump_compact(*config), cluster.config_revision);
    if (!written) co_return error_page(503);
    if (*written) {
      co_await name_pending(snapshot, std::move(restarts), answer);
      co_return answer;
    }
    if (!co_await await_config_other_than(cluster.config_revision)) break;
  }
  co_return error_page(409);
}

awaitable<HttpResponse> RestApi::put_config(Call call) {
  const auto config = json_body(call.request, Body::required);
  if (!config) co_return config.error();
  co_await await_first_view();
  for (int attempt = 0; attempt < config_attempts_max; ++attempt) {
    const auto snapshot = board_.latest();
    const auto& cluster = snapshot->seen.cluster;
    if (cluster.config_json && wire::parse_object(*cluster.config_json) == *config) co_return json(200, *config);
    HttpResponse answer;
    std::vector<std::string> restarts;
    if (!judged(call, *snapshot, *config, answer, restarts)) co_return answer;
    const auto written = co_await write_config(wire::dump_compact(*config), cluster.config_revision);
    if (!written) break;
    if (*written) {
      co_await name_pending(snapshot, std::move(restarts), answer);
      co_return answer;
    }
    if (!co_await await_config_other_than(cluster.config_revision)) break;
  }
  co_return error_page(502);
}

}  // namespace tamada::api
