// What a run is made of, beside its seed.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "sim/bugs.h"
#include "sim/scheduler.h"

namespace tamada::sim {

struct Options {
  std::uint64_t seed = 1;
  int nodes = 0;                                 // 0: three or five, as the seed says
  Duration duration = std::chrono::minutes(15);  // of the faults; then all is healed, and the cluster has to recover
  std::vector<std::string> faults;               // names; empty: all
  bool no_faults = false;
  bool guard = false;  // PostgreSQL of a frozen or dead daemon is ended at its lease's deadline
  bool trace = false;
  Bugs bugs;
};

}  // namespace tamada::sim
