// PATCH and PUT /config: the dynamic configuration of the cluster.
#include <nlohmann/json.hpp>

#include "api/body.h"
#include "api/errors.h"
#include "api/routes.h"
#include "wire/json.h"
#include "wire/json_merge.h"
#include "wire/python_json.h"

namespace tamada::api {

using net::HttpResponse;

namespace {

// A second attempt: our view of the key may be a moment behind what somebody has just written.
constexpr int config_attempts_max = 3;
// A daemon that has just started knows in a moment what is to be changed.
constexpr auto first_view_within = std::chrono::seconds(3);

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

// Returns only when our own answers show the change too: whoever reads after writing expects that.
awaitable<core::Result<bool>> RestApi::write_config(std::string json, core::Revision expected) {
  auto written = co_await commands_.write_config(std::move(json), expected);
  if (written && *written) co_await await_config_other_than(expected);
  co_return written;
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
    const auto written = co_await write_config(wire::dump_compact(*config), cluster.config_revision);
    if (!written) co_return error_page(503);
    if (*written) co_return json(200, *config);
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
    const auto written = co_await write_config(wire::dump_compact(*config), cluster.config_revision);
    if (!written) break;
    if (*written) co_return json(200, *config);
    if (!co_await await_config_other_than(cluster.config_revision)) break;
  }
  co_return error_page(502);
}

}  // namespace tamada::api
