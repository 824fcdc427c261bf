// Synchronous replication of this node. As the primary: which standbys are synchronous, and the next change of `/sync`
// and synchronous_standby_names. As a standby: whether it has every acknowledged commit.
// Source: Patroni's documentation "Replication modes"; its sync.py for who is preferred.
#pragma once

#include <optional>
#include <string>

#include "core/action.h"
#include "core/decision.h"
#include "core/memory.h"
#include "core/observation.h"
#include "core/sync_transition.h"

namespace tamada::core {

// Asked for, and the primary has put its name into `/sync`: from then on only those named there may be promoted.
bool sync_active(const Observation& seen);
// Those named in `/sync`, its leader among them.
Names sync_members(const SyncState& sync);
bool is_sync_standby(const ClusterView& cluster, std::string_view name);

// Which of the connected standbys should be synchronous. Who is so already stays it.
Names pick_sync_standbys(const Observation& seen, const Names& listed);

// To be told of each observation: since when commits wait by the names in force, and who has caught up with that.
void watch_sync_names(const Observation& seen, Memory& memory);

// What a running leader does next; at most one change of the two places.
struct SyncPlan {
  Actions actions;
  std::string said;  // empty: nothing to tell
  Severity severity = Severity::info;
  std::optional<Instant> wake_at;
};
SyncPlan plan_sync(const Observation& seen, Memory& memory);

// What synchronous_standby_names has to be before a promotion: by it no commit is acknowledged that those who may be
// promoted after us do not have. Nothing: it is not ours to set.
std::optional<SyncNames> names_before_promotion(const Observation& seen);

// Why this node may lack an acknowledged commit, and may not take the leader key. Needs a fresh poll of the peers.
std::optional<std::string> sync_obstacle(const Observation& seen);
// Whether the position of `peer` is to be compared with ours in the race.
bool is_rival(const Observation& seen, const PeerView& peer);

}  // namespace tamada::core
