// Members that were here of late, and have no key in etcd any more.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/cluster_view.h"

namespace tamada::ctl {

struct Missing {
  std::string name;
  std::optional<core::WallTime> since;  // when the leader missed it first; nullopt: nobody has told
};

// By what the leader keeps of them in the key status; where that is Patroni's, by the keys that still name them.
std::vector<Missing> missing_members(const core::ClusterView& view);
// "n2 (its key in etcd has been gone for 3 min)"
std::string describe(const Missing& missing, core::WallTime now);

}  // namespace tamada::ctl
