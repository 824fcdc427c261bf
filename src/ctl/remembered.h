// The last answer of etcd, kept in the user's cache directory: it tells which members to ask when etcd does not answer.
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

// It is no error if the cache directory is missing or cannot be written; then nothing is kept.
void remember(const Whose& whose, const dcs::Range& range, core::WallTime at);
std::optional<Remembered> recall(const Whose& whose);

}  // namespace tamada::ctl
