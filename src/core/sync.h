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

// Whether synchronous replication is configured and the primary has written its name into `/sync`. From then on only
// the members named there may be promoted.
bool sync_active(const Observation& seen);
// Everybody named in `/sync`, including its leader.
Names sync_members(const SyncState& sync);
bool is_sync_standby(const ClusterView& cluster, std::string_view name);

// Which of the connected standbys should be synchronous. `listed` are those that are synchronous now; they are
// preferred, unless they are `stalled` and others are not.
Names pick_sync_standbys(const Observation& seen, const Names& listed, const Names& stalled = {});

// To be called with each observation: notes since when the names are in force, which standbys have reached the
// position of that moment, and since when a standby has flushed nothing although there is WAL for it.
void watch_sync_names(const Observation& seen, Memory::Sync& memory);

// What a running leader does next: at most one change of `/sync` or synchronous_standby_names.
struct SyncPlan {
  Actions actions;
  std::string said;  // the text for the log; empty when there is nothing to tell
  Severity severity = Severity::info;
  std::optional<Instant> wake_at;
};
SyncPlan plan_sync(const Observation& seen, Memory::Sync& memory);

// The value that synchronous_standby_names needs before this node is promoted, so that the new primary acknowledges no
// commit that a later candidate might lack; nullopt when this daemon does not manage the parameter.
std::optional<SyncNames> names_before_promotion(const Observation& seen);

// Why this node may lack an acknowledged commit and therefore may not take the leader key. Valid after a fresh poll of
// the members.
std::optional<std::string> sync_obstacle(const Observation& seen);
// Whether the race has to compare the position of `peer` with ours.
bool is_rival(const Observation& seen, const PeerView& peer);

}  // namespace tamada::core
