// Keeps the last answer of etcd in the user's cache directory. If etcd does not answer, it tells which members to ask.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/types.h"
#include "dcs/dcs.h"

namespace tamada::ctl {

// Identifies one cluster of one etcd.
struct Whose {
  std::vector<std::string> endpoints;
  std::string prefix;  // <namespace>/<scope>/
};

struct Remembered {
  dcs::Range range;
  core::WallTime at;
};

// A cache directory that is missing or cannot be written is no error; then nothing is kept.
void remember(const Whose& whose, const dcs::Range& range, core::WallTime at);
std::optional<Remembered> recall(const Whose& whose);

}  // namespace tamada::ctl
