// The health checks of load balancers and orchestrators, as a pure function that tables can test.
#pragma once

#include <string_view>

#include "api/board.h"

namespace tamada::api {

// The HTTP status of a check. `path` is matched by words that it contains, as Patroni does ("/my-replica" is a check
// for a replica); any other path is 503.
int health(const Snapshot& snapshot, core::Instant now, std::string_view path, std::string_view query);

}  // namespace tamada::api
