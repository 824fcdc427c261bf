// Collects all problems of this member in one place, for /patroni, /metrics, the member key and the log.
#pragma once

#include "core/memory.h"
#include "core/observation.h"
#include "core/problem.h"

namespace tamada::core {

// Called once for each decision, see Decision::problems.
Problems problems(const Observation& seen, const Memory& memory);
// All in one line: "renaming the data directory failed 3 times: busy; ..."; empty when there are none.
std::string in_one_line(const Problems& problems);

}  // namespace tamada::core
