// Recent members that have no key in etcd any more.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/cluster_view.h"

namespace tamada::ctl {

struct Missing {
  std::string name;
  std::optional<core::WallTime> since;  // when the leader first missed it; nullopt: not known
};

// Found by the leader's list in the key status, or, if Patroni wrote that key, by other keys that still name them.
std::vector<Missing> missing_members(const core::ClusterView& view);
// "n2 (its key in etcd has been gone for 3 min)"
std::string describe(const Missing& missing, core::WallTime now);

}  // namespace tamada::ctl
