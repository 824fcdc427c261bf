// Changes the two places that hold the state of synchronous replication: the key `/sync` decides who may be promoted,
// synchronous_standby_names decides which standbys acknowledge commits. They change one step at a time, and an
// interruption during or after any step loses no acknowledged commit.
//
// The invariant: any `count` standbys that acknowledged a commit and any `quorum + 1` voters have a standby in common.
// So a standby that is not behind any of `quorum + 1` voters has every acknowledged commit. The invariant is kept
//   - for future commits, which the names in force acknowledge, by `overlap()`, which is arithmetic on the two sets;
//   - for commits that earlier names acknowledged: `/sync` names only standbys that have caught up with the position at
//     which the present names came into force, or it changes so that a promotion needs more than before.
// With synchronous_mode `on` the quorum is 0: each of the named standbys alone has every acknowledged commit.
//
// Source of the meanings: Patroni's documentation "Replication modes"; of `quorum`: the sync key of Patroni 4.
#pragma once

#include "core/sync_names.h"

namespace tamada::core {

// Any `quorum + 1` of the voters, without the primary, allow a promotion. Without voters no standby may be promoted.
struct Promotable {
  Names voters;
  int quorum = 0;
};

// The present state of both places.
struct SyncStand {
  Promotable promotable;
  SyncNames names;  // the value that is in force
  Names caught_up;  // those of names.standbys that have everything which was acknowledged before `names` came into
                    // force
};

struct SyncGoal {
  SyncNames names;
  bool quorum_mode = false;  // otherwise each voter alone may be promoted
};

struct SyncStep {
  enum class Kind { none, promotable, names };
  Kind kind = Kind::none;
  Promotable promotable;
  SyncNames names;
};

// Whether every set of standbys that may acknowledge a commit shares a member with every set of voters that may
// promote.
bool overlap(const Promotable& promotable, const SyncNames& names);

// The next change towards the goal. Kind `none` means that the goal is reached, or that a standby has to catch up
// first.
SyncStep next_sync_step(const SyncStand& stand, const SyncGoal& goal);

}  // namespace tamada::core
