#include "api/body.h"

#include <fmt/format.h>

#include "api/errors.h"
#include "wire/json.h"
#include "wire/keys.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;

std::expected<Json, net::HttpResponse> json_body(const net::HttpRequest& request, Body need) {
  const bool optional = need == Body::optional;
  if (!request.header("Content-Length") && request.body.empty()) {
    if (optional) return Json::object();
    return std::unexpected(error_page(411));
  }
  if (request.body.empty() && optional) return Json::object();
  auto body = wire::parse_object(request.body);
  if (body && (optional || !body->empty())) return std::move(*body);
  return std::unexpected(error_page(400));
}

bool is_true(const Json& object, std::string_view key) {
  const auto* value = wire::find(object, key);
  return value && wire::to_bool(*value).value_or(false);
}

std::expected<core::WallTime, Refusal> parse_schedule(const Json& value, std::string_view action, core::WallTime now) {
  const auto parsed = value.is_string() ? wire::parse_iso(value.get_ref<const std::string&>()) : std::nullopt;
  if (!parsed) {
    return std::unexpected(
        Refusal{422, "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601"});
  }
  if (!parsed->has_zone) {
    return std::unexpected(Refusal{400, fmt::format("Timezone information is mandatory for the scheduled {}", action)});
  }
  if (parsed->time < now) return std::unexpected(Refusal{422, fmt::format("Cannot schedule {} in the past", action)});
  return parsed->time;
}

}  // namespace tamada::api
