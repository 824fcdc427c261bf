// restart --rolling: restarts one member after the other, each only when all before it stream again. The leader is the
// last one, and hands over by a switchover before.
#pragma once

#include <functional>
#include <vector>

#include "ctl/commands.h"

namespace tamada::ctl {

std::vector<core::Member> leader_last(const core::ClusterView& view, std::vector<core::Member> members);

// The member that the leader hands over to: one that streams and may be promoted, a synchronous standby if there is
// one, and preferably one of `preferred`, which have been restarted already. Empty when there is none.
std::string successor(const core::ClusterView& view, const std::vector<core::Member>& preferred);

// `restart` restarts one member as the command `restart` does, and tells whether that succeeded.
Done restart_rolling(Session& session, const Cluster& cluster, const std::vector<core::Member>& members,
                     const std::function<core::Result<bool>(const core::Member&)>& restart);

}  // namespace tamada::ctl
