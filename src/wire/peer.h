// What members (ours and Patroni's) tell each other over REST: the body of GET /patroni, and that of POST /failsafe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/observation.h"

namespace tamada::wire {

// What a member may answer with, /patroni is a few kB: who lies, or is not what we take it for, shall cost no more
// memory and time than that. A longer answer counts as none.
inline constexpr std::size_t peer_answer_bytes_max = 256 << 10;

// Body of a peer's GET /patroni -> PeerView; reachable stays as given by the caller.
core::PeerView parse_peer(std::string_view json);

// The body of POST /failsafe. Reading gives nothing where there is no name.
std::string failsafe_leader_json(const core::FailsafeLeader& leader);
std::optional<core::FailsafeLeader> parse_failsafe_leader(std::string_view json);

}  // namespace tamada::wire
