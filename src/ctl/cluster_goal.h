// The goals that the command `wait` can wait for, as pure functions of the cluster's keys.
#pragma once

#include <string>

#include "core/cluster_view.h"

namespace tamada::ctl {

struct Goal {
  enum class Kind { healthy, leader, streaming, no_pending_restart } kind = Kind::healthy;
  std::string text;    // the operator's words
  std::string leader;  // for Kind::leader
};
core::Result<Goal> parse_goal(const std::string& text);

// Says which member has not reached the goal yet, and why; empty when all have reached it.
std::string missing(const core::ClusterView& view, const Goal& goal);

// Why the member does not stream; empty when it streams, or when it gets its WAL from an archive as configured.
std::string why_not_streaming(const core::ClusterView& view, const core::Member& member);

}  // namespace tamada::ctl
