// Request bodies of JSON, with Patroni's answers to those that are none.
#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <string>

#include "core/types.h"
#include "net/http.h"

namespace tamada::api {

enum class Body { required, optional };

// An object; the error is the response to send. A required one must not be empty.
std::expected<nlohmann::ordered_json, net::HttpResponse> json_body(const net::HttpRequest& request, Body need);

// What Patroni reads by its parse_bool: true, "on", "yes", 1 ...
bool is_true(const nlohmann::ordered_json& object, std::string_view key);

// When a scheduled action shall run. The error is status and text of the refusal.
struct Refusal {
  int status = 400;
  std::string text;
};
std::expected<core::WallTime, Refusal> parse_schedule(const nlohmann::ordered_json& value, std::string_view action,
                                                      core::WallTime now);

}  // namespace tamada::api
