// The health checks of load balancers and orchestrators, as a pure function that tables can test.
#pragma once

#include <string_view>

#include "api/board.h"

namespace tamada::api {

// The HTTP status of a check. As in Patroni, a check is recognized by the words that `path` contains ("/my-replica" is
// a check for a replica). Any other path gives 503.
int health(const Snapshot& snapshot, core::Instant now, std::string_view path, std::string_view query);

}  // namespace tamada::api
