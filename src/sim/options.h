// The options of a run, beside its seed.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/bugs.h"
#include "sim/plan.h"
#include "sim/scheduler.h"

namespace tamada::sim {

// The workload of a client that writes to every server that accepts writes.
struct Workload {
  Duration pause_max = std::chrono::milliseconds(600);  // between two writes; 0: it never writes
  double large = 0.01;                                  // the share of writes of a hundred kilobytes and more
};

struct Options {
  std::uint64_t seed = 1;
  int nodes = 0;                                 // 0: three or five, as the seed says
  Duration duration = std::chrono::minutes(15);  // of the faults; then all is healed, and the cluster has to recover
  std::vector<std::string> faults;               // names; empty: all
  bool no_faults = false;
  std::optional<Plan> plan;  // in place of faults by chance
  // Whether a guard ends the PostgreSQL of a frozen or dead daemon at the lease's deadline. by_chance: the seed
  // decides.
  enum class Guard { off, on, by_chance };
  Guard guard = Guard::off;
  Workload workload;
  bool trace = false;
  bool calm = false;  // no chance: every operation takes its usual time
  // Settings of the cluster that override the seed's choice: nodes, nofailover, and names of the dynamic configuration.
  std::vector<std::pair<std::string, std::string>> settings;
  Bugs bugs;
};

}  // namespace tamada::sim
