// The options of a run, besides its seed.
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
  Duration pause_max = std::chrono::milliseconds(600);  // the longest time between two writes; 0: the client never
                                                        // writes
  double large = 0.01;                                  // the share of large writes, of a hundred kilobytes and more
};

struct Options {
  std::uint64_t seed = 1;
  int nodes = 0;                                 // 0: the seed chooses three or five
  Duration duration = std::chrono::minutes(15);  // how long there are faults; then all of them end, and the cluster has
                                                 // to recover
  std::vector<std::string> faults;               // names of the kinds of faults; empty: all
  bool no_faults = false;
  std::optional<Plan> plan;  // carried out instead of random faults
  // Whether a guard ends the PostgreSQL of a frozen or dead daemon at the deadline of the lease. by_chance: the seed
  // decides.
  enum class Guard { off, on, by_chance };
  Guard guard = Guard::off;
  // Whether the cluster begins as a standby cluster, which follows a server elsewhere. Unset: the seed decides.
  std::optional<bool> standby_cluster = false;
  // Whether the cluster has an archive of WAL. Unset: the seed decides, and a standby cluster has none.
  std::optional<bool> archive = false;
  Workload workload;
  bool trace = false;
  bool coverage = false;  // notes what the run reaches
  bool calm = false;      // there is no chance: every operation takes its usual time
  // Settings of the cluster that override the seed's choice: nodes, nofailover, and names of the dynamic configuration.
  std::vector<std::pair<std::string, std::string>> settings;
  Bugs bugs;
};

}  // namespace tamada::sim
