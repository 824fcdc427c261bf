// A story as text: the commands that are carried out on a cluster, and below them what the cluster did.
// docs/simulation.md describes the language. Its form is that of etcd-io/raft's interaction tests.
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

// Commands, the line `----`, and the transcript of their effects up to an empty line.
struct Chapter {
  std::string comment;  // the lines that begin with #, unchanged
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
