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

// The server that this standby shall stream from. With the tag nostream there is none. The leader of a standby cluster
// streams from the remote server. For other members see upstream_of(). nullopt when there is none, or when its address
// is not known yet.
std::optional<Upstream> wanted_upstream(const Observation& seen);

// The server whose history decides whether our WAL has diverged: the leader, or the remote server of a standby cluster;
// nullopt when there is none.
std::optional<Upstream> history_source(const Observation& seen);

// Whether this member leads a standby cluster and does not stream from the remote server. Then it may be copied anew
// from there, although it is the leader: no other member can have newer data.
bool may_copy_remote_server(const Observation& seen);

// The methods by which a copy is made. A standby cluster has its own list, or uses pg_basebackup. Empty when the node's
// configuration decides.
std::vector<std::string> replica_methods(const Settings& settings);

// Whether both are the same server. The member's name and the database are not compared.
bool same_source(const Upstream& a, const Upstream& b);

}  // namespace tamada::core
