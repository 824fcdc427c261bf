// What runs of the simulator have reached: rules that decided, their reasons, actions, and faults that were open
// together.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "core/decision.h"

namespace tamada::sim {

// Of one run. Each entry is a line of text, and the same thing is the same line in every run.
class Coverage {
 public:
  void decided(const core::Decision& decision);
  // `open`: the names of the faults that are open while this one begins.
  void fault_began(std::string_view name, const std::set<std::string>& open);
  const std::set<std::string>& reached() const { return reached_; }

 private:
  std::set<std::string> reached_;
};

// Of many runs: in how many of them each entry was reached.
class CoverageCount {
 public:
  void add(std::string_view lines);
  // The rules, actions and pairs of faults that no run reached, and the reasons that few runs reached.
  std::string report() const;

 private:
  std::map<std::string, std::uint64_t> runs_;
};

}  // namespace tamada::sim
