// One run of a seed, and its result.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "sim/checker.h"
#include "sim/options.h"

namespace tamada::sim {

struct Outcome {
  std::vector<std::string> violations;  // empty when the run passed
  std::string story;                    // for a run that failed: the last decisions of each node
  std::uint64_t trace_hash = 0, trace_lines = 0, events = 0;
  Duration simulated{}, recovered_after{};
  Statistics statistics;
  std::set<std::string> reached;  // see Coverage
  int nodes = 0;
};

Outcome simulate(Options options);

}  // namespace tamada::sim
