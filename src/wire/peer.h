// What members (ours and Patroni's) tell each other over REST: the body of GET /patroni, and that of POST /failsafe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/observation.h"

namespace tamada::wire {

// The longest answer of a member that is read; /patroni is a few kB. A host that is no member must not cost more memory
// and time. A longer answer counts as no answer.
inline constexpr std::size_t peer_answer_bytes_max = 256 << 10;

// Body of a peer's GET /patroni -> PeerView; reachable stays as given by the caller.
core::PeerView parse_peer(std::string_view json);

// The body of POST /failsafe. Reading gives nullopt without a name.
std::string failsafe_leader_json(const core::FailsafeLeader& leader);
std::optional<core::FailsafeLeader> parse_failsafe_leader(std::string_view json);

}  // namespace tamada::wire
