// A requested restart, in the form of POST /restart and of `scheduled_restart` in the member key.
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

// The text for the member key: the body as it was sent, the time and the timeout as this daemon understood them, and
// the start of the server. Sets request.json.
void publish_as(core::RestartRequest& request, nlohmann::ordered_json body);

// Reads the value in a member key, our own or Patroni's. nullopt when it has no time.
std::optional<core::RestartRequest> parse_scheduled_restart(std::string_view json);

// After a change of parameters: the members that wait for a restart because of one of them, as their keys tell, such as
// "n1, n2". told: whether the keys of all running members have changed since `before`.
struct WaitingMembers {
  std::string names;
  bool told = false;
};
WaitingMembers waiting_for_restart(const core::ClusterView& before, const core::ClusterView& now,
                                   const std::vector<std::string>& parameters);

}  // namespace tamada::wire
