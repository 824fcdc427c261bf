// Reads JSON from request bodies. A body that is not JSON gets Patroni's answer.
#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <string>

#include "core/types.h"
#include "net/http.h"

namespace tamada::api {

enum class Body { required, optional };

// Reads an object. The error is the response to send. If the body is required, an empty one is an error.
std::expected<nlohmann::ordered_json, net::HttpResponse> json_body(const net::HttpRequest& request, Body need);

// Whether Patroni's parse_bool takes the member for true: true, "on", "yes", 1 ...
bool is_true(const nlohmann::ordered_json& object, std::string_view key);

// Status and text of the answer that refuses a request.
struct Refusal {
  int status = 400;
  std::string text;
};
// Reads the time at which a scheduled action shall run.
std::expected<core::WallTime, Refusal> parse_schedule(const nlohmann::ordered_json& value, std::string_view action,
                                                      core::WallTime now);

}  // namespace tamada::api
