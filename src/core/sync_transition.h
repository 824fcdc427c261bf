// Changes the two places that hold the state of synchronous replication: the key `/sync` decides who may be promoted,
// synchronous_standby_names decides which standbys acknowledge commits. They change one step at a time, and an
// interruption during or after any step loses no acknowledged commit.
//
// The invariant: any `count` standbys that acknowledged a commit and any `quorum + 1` voters have a standby in common.
// So a standby that is not behind any of `quorum + 1` voters has every acknowledged commit. The invariant is kept for
//   - future commits, which the names in force acknowledge: by `overlap()`, arithmetic on the two sets;
//   - commits acknowledged by earlier names than those in force: by who has caught up with the position at which those
//   came into force, or
//     because a set of voters that was right is only made harder to be promoted by.
// With synchronous_mode `on` the quorum is 0: each of the named standbys alone has everything.
//
// Source of the meanings: Patroni's documentation "Replication modes"; of `quorum`: the sync key of Patroni 4.
#pragma once

#include "core/sync_names.h"

namespace tamada::core {

// Any `quorum + 1` of the voters, without the primary, allow a promotion; nobody is promotable without voters.
struct Promotable {
  Names voters;
  int quorum = 0;
};

// Where the primary stands.
struct SyncStand {
  Promotable promotable;
  SyncNames names;  // in force
  Names caught_up;  // of names.standbys: who has all that was acknowledged before the names came into force
};

struct SyncGoal {
  SyncNames names;
  bool quorum_mode = false;  // else each voter alone may be promoted
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

// The next change towards the goal; none: the goal is reached, or a standby has to catch up first.
SyncStep next_sync_step(const SyncStand& stand, const SyncGoal& goal);

}  // namespace tamada::core
