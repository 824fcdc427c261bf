// Runs many seeds on several cores, with a progress bar.
#pragma once

#include <cstdint>
#include <string>

#include "sim/simulation.h"

namespace tamada::sim {

struct Campaign {
  Options options;
  std::uint64_t first = 1, last = 1;  // last: ~0 means without end
  int jobs = 1;                       // number of processes
  bool keep_going = false;            // continue after a failure
  std::string repeated;               // the arguments that are needed to replay a seed
};

// The report of a failure: the violations, the last decisions of each node, and the command that replays the seed.
std::string report(std::uint64_t seed, const Outcome& outcome, const std::string& repeated);

// Prints its progress. Returns how many seeds failed.
std::uint64_t run(const Campaign& campaign);

}  // namespace tamada::sim
