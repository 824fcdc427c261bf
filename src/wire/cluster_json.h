// The cluster as GET /cluster shows it and `ctl list` prints it: members with role, state, position and lag.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "core/cluster_view.h"

namespace tamada::wire {

// What the key `config` says of the cluster's modes; all false while it is absent or junk.
struct ClusterModes {
  bool paused = false;
  bool synchronous = false;  // synchronous_mode is on or quorum; never so in a standby cluster
  bool quorum = false;
  bool standby_cluster = false;
};
ClusterModes cluster_modes(const core::ClusterView& view);

// `scope` is not part of the view: GET /cluster names it (last), `ctl list` does not.
nlohmann::ordered_json cluster_json(const core::ClusterView& view, std::string_view scope = {});

}  // namespace tamada::wire
