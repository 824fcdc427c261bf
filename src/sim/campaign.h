// Runs many seeds on several cores, with a progress bar.
#pragma once

#include <cstdint>
#include <string>

#include "sim/simulation.h"

namespace tamada::sim {

struct Campaign {
  Options options;
  std::uint64_t first = 1, last = 1;  // last: ~0 for ever
  int jobs = 1;                       // processes
  bool keep_going = false;            // after a failure
  std::string repeated;               // the arguments that a replay needs
};

// The report of a failure: what was violated, the last decisions of each node, and the command that replays it.
std::string report(std::uint64_t seed, const Outcome& outcome, const std::string& repeated);

// Prints as it goes. Returns how many seeds failed.
std::uint64_t run(const Campaign& campaign);

}  // namespace tamada::sim
