// Scenarios as text: what is done to a cluster, command by command, and below it what the cluster did about it. The
// language stands in docs/simulation.md; the shape is that of etcd-io/raft's interaction tests.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/types.h"

namespace tamada::sim {

struct Act {
  int line = 0;
  std::string text;
  std::vector<std::string> words;
};

// Commands, `----`, and the transcript of what came of them, up to an empty line.
struct Chapter {
  std::string comment;  // lines that begin with #, as they stand
  std::vector<Act> acts;
  std::string transcript;
};

struct Plan {
  std::vector<std::pair<std::string, std::string>> settings;  // of the command `cluster`: nodes=3, ttl=30 ...
  std::vector<Chapter> chapters;
};

core::Result<Plan> parse_plan(std::string_view text);
std::string format_plan(const Plan& plan);

}  // namespace tamada::sim
