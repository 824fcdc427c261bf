// All standing problems of this member, from one place: for /patroni, /metrics, the member key, the log.
#pragma once

#include "core/memory.h"
#include "core/observation.h"
#include "core/problem.h"

namespace tamada::core {

// Called once for each decision, see Decision::problems.
Problems problems(const Observation& seen, const Memory& memory);
// In one line: "renaming the data directory failed 3 times: busy; ..."; empty: there are none.
std::string in_one_line(const Problems& problems);

}  // namespace tamada::core
