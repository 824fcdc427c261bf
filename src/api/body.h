// Reads JSON from request bodies; gives Patroni's answers if a body is not JSON.
#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <string>

#include "core/types.h"
#include "net/http.h"

namespace tamada::api {

enum class Body { required, optional };

// Reads an object. The error is the response to send. A required body must not be empty.
std::expected<nlohmann::ordered_json, net::HttpResponse> json_body(const net::HttpRequest& request, Body need);

// Whether the member is true for Patroni's parse_bool: true, "on", "yes", 1 ...
bool is_true(const nlohmann::ordered_json& object, std::string_view key);

// When a scheduled action shall run. The error is status and text of the refusal.
struct Refusal {
  int status = 400;
  std::string text;
};
std::expected<core::WallTime, Refusal> parse_schedule(const nlohmann::ordered_json& value, std::string_view action,
                                                      core::WallTime now);

}  // namespace tamada::api
