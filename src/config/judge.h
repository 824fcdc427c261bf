// What a change of the dynamic configuration would do, told before it is taken.
#pragma once

#include <string>
#include <vector>

#include "config/json.h"

namespace tamada::config {

struct Judgement {
  std::vector<std::string> errors;    // what certainly has no effect, or not the one that is meant
  std::vector<std::string> warnings;  // what is taken, but perhaps not as it was meant
  std::vector<std::string> effects;   // when each changed parameter counts
  std::vector<std::string> restarts;  // the parameters among them, in lower case, that wait for a restart
  bool operator==(const Judgement&) const = default;
};

// Only of what `after` brings: mistakes that stand in `before` already are not those of this change. server_version: of
// the server whose parameters these are, 150002; 0: not known, and nothing is said of them but by their names.
Judgement judge_change(const Json& before, const Json& after, int server_version);

}  // namespace tamada::config
