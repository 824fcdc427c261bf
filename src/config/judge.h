// Predicts what a change of the dynamic configuration would do.
#pragma once

#include <string>
#include <vector>

#include "config/json.h"
#include "wire/server_parameter.h"

namespace tamada::config {

struct Judgement {
  std::vector<std::string> errors;    // changes that have no effect, or not the intended one
  std::vector<std::string> warnings;  // changes that are accepted, but perhaps not as intended
  std::vector<std::string> effects;   // when each changed parameter takes effect
  std::vector<std::string> restarts;  // the parameters among them, in lower case, that wait for a restart
  bool operator==(const Judgement&) const = default;
};

// Judges only the changes: mistakes that `before` has already are not reported. server_version: of the server whose
// parameters these are, 150002; 0: not known, and then only their names are judged. own: what that server itself tells
// about its parameters while it runs; empty: nothing.
Judgement judge_change(const Json& before, const Json& after, int server_version,
                       const wire::ServerParameters& own = {});

}  // namespace tamada::config
