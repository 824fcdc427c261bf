// Known bugs, which are put into the simulated store, server and network on purpose, to test that the checker finds
// them.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tamada::sim {

struct Bugs {
  std::string name;  // of the injected bug; empty: none
  bool is(std::string_view bug) const { return name == bug; }
};

struct KnownBug {
  std::string name, what;
  // The kinds of faults, and the configuration, under which the bug shows soon. Empty: any.
  std::vector<std::string> faults = {};
  std::vector<std::pair<std::string, std::string>> settings = {};
};
const std::vector<KnownBug>& known_bugs();

}  // namespace tamada::sim
