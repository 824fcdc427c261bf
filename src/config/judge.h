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
  std::vector<std::string> restarts;  // those of the changed parameters that wait for a restart, in lower case
  bool operator==(const Judgement&) const = default;
};

// Judges only the changes; a mistake that `before` already has is not reported. server_version: the version of the
// server that has these parameters, such as 150002. If it is 0, the version is not known, and only their names are
// judged. own: what that server itself tells about its parameters while it runs; empty when it tells nothing.
Judgement judge_change(const Json& before, const Json& after, int server_version,
                       const wire::ServerParameters& own = {});

// What judge_change would find in the whole configuration, which may have been written before changes were judged.
std::vector<std::string> mistakes_in(const Json& config, int server_version);

}  // namespace tamada::config
