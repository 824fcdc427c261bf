// A restart that was asked for, as POST /restart takes it and as the member key's `scheduled_restart` shows it.
#pragma once

#include <expected>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/observation.h"

namespace tamada::wire {

// "15.2" -> 150002, "9.6.3" -> 90603; the error is Patroni's sentence.
std::expected<int, std::string> parse_server_version(const std::string& text);

// For the member key: the body as it was sent, its time and timeout as they were understood, and the server's start.
// Fills request.json.
void publish_as(core::RestartRequest& request, nlohmann::ordered_json body);

// Reads the value in a member key, our own or Patroni's. nullopt: it has no time.
std::optional<core::RestartRequest> parse_scheduled_restart(std::string_view json);

// After a change of these parameters: the members that wait for a restart because of one of them, as their keys tell:
// "n1, n2". told: the keys of all running members have changed since `before`.
struct WaitingMembers {
  std::string names;
  bool told = false;
};
WaitingMembers waiting_for_restart(const core::ClusterView& before, const core::ClusterView& now,
                                   const std::vector<std::string>& parameters);

}  // namespace tamada::wire
