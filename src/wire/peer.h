// The body of GET /patroni, written for the outside and read from peers (ours and Patroni's).
#pragma once

#include <string>
#include <string_view>

#include "core/observation.h"

namespace tamada::wire {

// Body of a peer's GET /patroni -> PeerView; reachable stays as given by the caller.
core::PeerView parse_peer(std::string_view json);

}  // namespace tamada::wire
