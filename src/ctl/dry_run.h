// --dry-run: shows what a command would do to which members, and what would prevent it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctl/commands.h"

namespace tamada::ctl {

struct Move {
  std::string verb;                      // switchover, failover
  std::optional<std::string> candidate;  // nullopt: the best member
  std::string at;                        // empty: at once
};
// Returns an error if the request would be refused.
Done foretell_move(Session& session, const Cluster& cluster, const Move& move);

struct RestartWish {
  std::string at, below_version;
  bool rolling = false, timeout = false;
};
Done foretell_restart(Session& session, const Cluster& cluster, const std::vector<core::Member>& members,
                      const RestartWish& wish);

Done foretell_reinit(Session& session, const Cluster& cluster, const std::vector<core::Member>& members,
                     const ReinitOptions& options);

Done foretell_remove(Session& session, const Cluster& cluster);

}  // namespace tamada::ctl
