// The last answer of etcd, kept in the user's cache directory: whom to ask when etcd does not answer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/types.h"
#include "dcs/dcs.h"

namespace tamada::ctl {

// Of one cluster of one etcd.
struct Whose {
  std::vector<std::string> endpoints;
  std::string prefix;  // <namespace>/<scope>/
};

struct Remembered {
  dcs::Range range;
  core::WallTime at;
};

// No cache directory, or one that cannot be written, is no error: then nothing is remembered.
void remember(const Whose& whose, const dcs::Range& range, core::WallTime at);
std::optional<Remembered> recall(const Whose& whose);

}  // namespace tamada::ctl
