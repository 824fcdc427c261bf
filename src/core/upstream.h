// Which server the local standby streams from, and which server's history its WAL has to be a part of.
// Source: Patroni's documentation of the tags replicatefrom and nostream, and "Standby cluster".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/observation.h"

namespace tamada::core {

Upstream upstream_to(const Member& member);
Upstream remote_upstream(const StandbyCluster& standby);

// With the tag nostream: nobody. For the leader of a standby cluster: the remote server. Otherwise see upstream_of().
// nullopt: its address is not known yet.
std::optional<Upstream> wanted_upstream(const Observation& seen);

// The server whose history decides: the leader, or the remote server of a standby cluster. nullopt: there is none.
std::optional<Upstream> history_source(const Observation& seen);

// How a copy is made: a standby cluster uses its own list of methods, or pg_basebackup. Empty: as the node configures.
std::vector<std::string> replica_methods(const Settings& settings);

// Whether both lead to the same server. A member's name or the database does not matter.
bool same_source(const Upstream& a, const Upstream& b);

}  // namespace tamada::core
