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

// What is still missing, of the first member of which anything is; empty: it is reached.
std::string missing(const core::ClusterView& view, const Goal& goal);

// Empty: it streams, or restores from an archive where that is its way.
std::string why_not_streaming(const core::ClusterView& view, const core::Member& member);

}  // namespace tamada::ctl
