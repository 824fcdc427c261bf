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

constexpr int config_attempts_max = 3;  // while others write the key, too
// A member acts on a change at once, asks its server, and writes its key.
constexpr auto pending_told_within = std::chrono::seconds(2);

}  // namespace

ConfigVerdict RestApi::verdict_on(const Snapshot& snapshot, const nlohmann::ordered_json& before,
                                  const nlohmann::ordered_json& after) const {
  if (!options_.judge_config) return {};
  return options_.judge_config(before, after, snapshot.seen.postgres.server_version, commands_.server_parameters());
}

bool RestApi::judged(const Call& call, const Snapshot& snapshot, const nlohmann::ordered_json& after,
                     HttpResponse& answer, std::vector<std::string>& restarts) const {
  answer = json(200, after);
  const auto& text = snapshot.seen.cluster.config_json;
  const auto before = text ? wire::parse_object(*text) : std::nullopt;
  auto verdict = verdict_on(snapshot, before.value_or(nlohmann::ordered_json::object()), after);
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

awaitable<HttpResponse> RestApi::patch_config(Call call) { return change_config(std::move(call), true); }
awaitable<HttpResponse> RestApi::put_config(Call call) { return change_config(std::move(call), false); }

awaitable<HttpResponse> RestApi::change_config(Call call, bool merges) {
  const auto body = json_body(call.request, Body::required);
  if (!body) co_return body.error();
  for (int attempt = 0; attempt < config_attempts_max; ++attempt) {
    const auto snapshot = co_await read_keys();
    if (!snapshot) co_return snapshot.error();
    const auto& cluster = (*snapshot)->seen.cluster;
    const auto before = cluster.config_json ? wire::parse_object(*cluster.config_json) : std::nullopt;
    if (merges && !before) co_return error_page(503);
    auto after = merges ? *before : *body;
    if (merges) wire::merge_json(after, *body);
    if (before == after) {
      co_await await_shown([at = cluster.revision](const auto& keys) { return keys.revision >= at; });
      co_return json(200, after);
    }
    HttpResponse answer;
    std::vector<std::string> restarts;
    if (!judged(call, **snapshot, after, answer, restarts)) co_return answer;
    const auto written = co_await commands_.write_config(wire::dump_compact(after), cluster.config_revision);
    if (!written) co_return dcs_failed(written.error());
    if (!*written) continue;
    co_await await_shown([old = cluster.config_revision](const auto& keys) { return keys.config_revision > old; });
    co_await name_pending(*snapshot, std::move(restarts), answer);
    co_return answer;
  }
  co_return error_page(merges ? 409 : 502);
}

}  // namespace tamada::api
