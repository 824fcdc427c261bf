// The cluster in the form of GET /cluster and of `list`: members with role, state, position and lag.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "core/cluster_view.h"

namespace tamada::wire {

// The cluster's modes by the key `config`. All are false if the key is absent or cannot be read.
struct ClusterModes {
  bool paused = false;
  bool synchronous = false;  // synchronous_mode is on or quorum; always false in a standby cluster
  bool quorum = false;
  bool standby_cluster = false;
};
ClusterModes cluster_modes(const core::ClusterView& view);

// `scope` is the last field of GET /cluster. `list` does not show it, so it is empty there.
nlohmann::ordered_json cluster_json(const core::ClusterView& view, std::string_view scope = {});

}  // namespace tamada::wire
