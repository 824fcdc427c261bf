// What `wait` waits for. Pure.
#pragma once

#include <string>

#include "core/cluster_view.h"

namespace tamada::ctl {

struct Goal {
  enum class Kind { healthy, leader, streaming, no_pending_restart } kind = Kind::healthy;
  std::string text;    // as it was asked for
  std::string leader;  // of Kind::leader
};
core::Result<Goal> parse_goal(const std::string& text);

// What the first member that has not reached the goal lacks; empty: the goal is reached.
std::string missing(const core::ClusterView& view, const Goal& goal);

// Why the member does not stream; empty: it streams, or gets its WAL from an archive as configured.
std::string why_not_streaming(const core::ClusterView& view, const core::Member& member);

}  // namespace tamada::ctl
