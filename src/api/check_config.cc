// POST /tamada/check-config: what a change of the dynamic configuration would do. Nothing is changed.
#include <nlohmann/json.hpp>

#include "api/body.h"
#include "api/errors.h"
#include "api/routes.h"
#include "wire/json.h"
#include "wire/json_merge.h"

namespace tamada::api {

using net::HttpResponse;

// Whoever may not change the configuration may not ask what a change would do, either: it is work for the daemon.
awaitable<HttpResponse> RestApi::check_config(Call call) {
  const auto patch = json_body(call.request, Body::required);
  if (!patch) co_return patch.error();
  const auto snapshot = co_await read_keys();
  if (!snapshot) co_return snapshot.error();
  const auto& text = (*snapshot)->seen.cluster.config_json;
  const auto before = text ? wire::parse_object(*text) : std::nullopt;
  if (!before) co_return error_page(503);
  auto after = *before;
  const bool changes = wire::merge_json(after, *patch);
  auto verdict = changes ? verdict_on(**snapshot, *before, after) : ConfigVerdict();
  co_return json(200, {{"before", *before},
                       {"after", std::move(after)},
                       {"errors", std::move(verdict.errors)},
                       {"warnings", std::move(verdict.warnings)},
                       {"effects", std::move(verdict.effects)},
                       {"restarts", std::move(verdict.restarts)}});
}

}  // namespace tamada::api
