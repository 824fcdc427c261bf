// A requested restart: under which conditions it is done, and how long it may take.
#pragma once

#include <optional>
#include <string_view>

#include "core/memory.h"
#include "core/observation.h"

namespace tamada::core {

// The condition of the request that does not hold, in Patroni's words; nullopt when all hold. role: as this node shows
// it.
std::optional<std::string_view> restart_obstacle(const Observation& seen, std::string_view role,
                                                 const RestartRequest& request);

// How long the leader's postgres may take to start before another member takes over. While a requested restart with its
// own limit is under way, that limit counts, otherwise primary_start_timeout.
Duration start_limit(const Settings& settings, const Memory& memory);

}  // namespace tamada::core
