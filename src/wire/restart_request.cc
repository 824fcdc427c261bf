#include "wire/restart_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <ranges>
#include <vector>

#include "wire/json.h"
#include "wire/keys.h"
#include "wire/python_json.h"

namespace tamada::wire {

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

void publish_as(core::RestartRequest& request, Json body) {
  if (request.schedule) body["schedule"] = format_iso(*request.schedule);
  if (request.timeout) body["timeout"] = std::chrono::duration_cast<std::chrono::seconds>(*request.timeout).count();
  body["postmaster_start_time"] =
      request.postmaster_start_time.empty() ? Json(nullptr) : Json(request.postmaster_start_time);
  request.json = dump_compact(body);
}

std::optional<core::RestartRequest> parse_scheduled_restart(std::string_view json) {
  const auto body = parse_object(json);
  if (!body) return std::nullopt;
  const auto at = parse_iso(text_at(*body, "schedule"));
  if (!at || !at->has_zone) return std::nullopt;
  core::RestartRequest request;
  request.schedule = at->time;
  request.role = text_at(*body, "role");
  if (const auto version = parse_server_version(text_at(*body, "postgres_version"))) request.below_version = *version;
  request.only_pending = body->contains("restart_pending");
  if (const auto seconds = integer_at(*body, "timeout")) request.timeout = std::chrono::seconds(*seconds);
  request.postmaster_start_time = text_at(*body, "postmaster_start_time");
  request.json = json;
  return request;
}

WaitingMembers waiting_for_restart(const core::ClusterView& before, const core::ClusterView& now,
                                   const std::vector<std::string>& parameters) {
  WaitingMembers result{.names = {}, .told = true};
  for (const auto& [name, member] : now.members) {
    const auto reasons = parse_object(member.pending_restart_reason_json);
    const bool waits = reasons && std::ranges::any_of(parameters, [&reasons](const std::string& parameter) {
                         return reasons->contains(parameter);
                       });
    if (waits) result.names += (result.names.empty() ? "" : ", ") + name;
    const auto* old = before.member(name);
    const bool told = !old || old->pending_restart_reason_json != member.pending_restart_reason_json;
    result.told = result.told && (told || !member.running());
  }
  return result;
}

}  // namespace tamada::wire
