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

struct KnownBug {
  std::string name, what;
  // Where it shows soon: kinds of faults, and configuration. Empty: anywhere.
  std::vector<std::string> faults = {};
  std::vector<std::pair<std::string, std::string>> settings = {};
};
const std::vector<KnownBug>& known_bugs();

}  // namespace tamada::sim
