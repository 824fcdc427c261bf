// Known bugs that can be put into the simulated store, server and network on purpose, to test that the checker finds
// them.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tamada::sim {

struct Bugs {
  std::string name;  // the injected bug; empty when there is none
  bool is(std::string_view bug) const { return name == bug; }
};

struct KnownBug {
  std::string name, what;
  // The faults and the configuration with which the bug shows soon. Empty: any.
  std::vector<std::string> faults = {};
  std::vector<std::pair<std::string, std::string>> settings = {};
  bool standby_cluster = false;
  bool archive = false;
};
const std::vector<KnownBug>& known_bugs();

}  // namespace tamada::sim
