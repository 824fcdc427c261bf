// A restart on request: on which conditions, and how long it may take.
#pragma once

#include <optional>
#include <string_view>

#include "core/memory.h"
#include "core/observation.h"

namespace tamada::core {

// Which condition of the request does not hold, in Patroni's words. role: as the node shows itself.
std::optional<std::string_view> restart_obstacle(const Observation& seen, std::string_view role,
                                                 const RestartRequest& request);

// How long the leader's postgres may take to start before another takes over: the request's own limit while a restart
// with one is under way, else primary_start_timeout.
Duration start_limit(const Settings& settings, const Memory& memory);

}  // namespace tamada::core
