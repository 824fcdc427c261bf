// Finds recent members that have no key in etcd any more.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/cluster_view.h"

namespace tamada::diagnosis {

struct Missing {
  std::string name;
  std::optional<core::WallTime> since;  // when the leader first missed the member; nullopt when not known
};

// Uses the leader's list in the key status. If Patroni wrote that key, it uses other keys that still name the member.
std::vector<Missing> missing_members(const core::ClusterView& view);
// A text such as "n2 (its key in etcd has been gone for 3 min)".
std::string describe(const Missing& missing, core::WallTime now);

}  // namespace tamada::diagnosis
