// Who may be promoted, and who should be: the gates of the leader race and of a switchover.
// Source: Patroni's documentation of maximum_lag_on_failover, the tags nofailover and failover_priority; and compat
// notes.
#pragma once

#include <optional>
#include <string>

#include "core/memory.h"
#include "core/observation.h"

namespace tamada::core {

// Why this node may not take the leader key now; nothing: it may. Needs a fresh poll of the peers.
std::optional<std::string> race_obstacle(const Observation& seen);

// Why `peer` cannot take over from us in a switchover; nothing: it can.
std::optional<std::string> switchover_obstacle(const Observation& seen, const Member& member);

// This node's position as the race compares it.
std::optional<Lsn> own_position(const PostgresView& postgres);

}  // namespace tamada::core
