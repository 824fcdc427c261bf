// Known bugs, put into the simulator's side of the seams on purpose, to test that the checker finds them.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tamada::sim {

struct Bugs {
  std::string name;  // of the one that is in; empty: none
  bool is(std::string_view bug) const { return name == bug; }
};

// Name, and what is wrong.
const std::vector<std::pair<std::string, std::string>>& known_bugs();

}  // namespace tamada::sim
