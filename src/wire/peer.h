// What members, ours and Patroni's, tell each other over REST: the bodies of GET /patroni and POST /failsafe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/observation.h"

namespace tamada::wire {

// The longest answer of a member that is read; /patroni has a few kB. The limit bounds the memory and time that a host
// which is not a member can cost. A longer answer counts as no answer.
inline constexpr std::size_t peer_answer_bytes_max = 256 << 10;

// Reads the body of a member's GET /patroni. `reachable` is left for the caller to set. `answered_at` is the time in
// the answer's header Date. It is needed for Patroni's members, which tell the time of their last answer from the DCS
// by their own clock: only that clock can tell how long ago it was, since the clocks of two hosts may differ.
core::PeerView parse_peer(std::string_view json, std::optional<core::WallTime> answered_at = std::nullopt);

// The body of POST /failsafe. Reading it gives nullopt when it has no name.
std::string failsafe_leader_json(const core::FailsafeLeader& leader);
std::optional<core::FailsafeLeader> parse_failsafe_leader(std::string_view json);

}  // namespace tamada::wire
