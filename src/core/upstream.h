// Whom the local standby follows, and whose history it has to be a part of.
// Source: Patroni's documentation of the tags replicatefrom and nostream, and "Standby cluster".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/observation.h"

namespace tamada::core {

Upstream upstream_to(const Member& member);
Upstream remote_upstream(const StandbyCluster& standby);

// With nostream nobody; for the leader of a standby cluster the remote server; else as upstream_of() says. Nothing: its
// address is not known yet.
std::optional<Upstream> wanted_upstream(const Observation& seen);

// The server whose timeline decides: the leader, in a standby cluster the remote server. Nothing: there is none to ask.
std::optional<Upstream> history_source(const Observation& seen);

// By what means a copy is made: in a standby cluster by its own list, or else by pg_basebackup. Empty: as the node is
// configured.
std::vector<std::string> replica_methods(const Settings& settings);

// Following one is following the other. A member's name or database does not matter.
bool same_source(const Upstream& a, const Upstream& b);

}  // namespace tamada::core
