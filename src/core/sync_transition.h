// How the two places that synchronous replication is kept in change: the key `/sync`, by which a standby may be
// promoted, and synchronous_standby_names, by which commits are acknowledged. One step at a time; after each, and in
// the middle of each, an interruption loses no acknowledged commit.
//
// The invariant: whatever `count` of the acknowledging standbys a commit was acknowledged by, any `quorum + 1` of the
// promotable ones have one of them among themselves. So who is not behind any of `quorum + 1` voters has every
// acknowledged commit. It is kept for
//   - commits to come: `overlap()`, arithmetic on the two sets, because acknowledgement by the names in force counts;
//   - commits of before the names in force: by who has caught up with the position at which those came into force, or
//     because a set of voters that was right is only made harder to be promoted by.
// With synchronous_mode `on` the quorum is 0: each of the named standbys alone has everything.
//
// Source of the meanings: Patroni's documentation "Replication modes"; of `quorum`: the sync key of Patroni 4.
#pragma once

#include "core/sync_names.h"

namespace tamada::core {

// Any `quorum + 1` of the voters, the primary not counted; nobody while there are no voters.
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

// No set of standbys that may acknowledge a commit misses a set of voters that may promote.
bool overlap(const Promotable& promotable, const SyncNames& names);

// The next change towards the goal; none: it is reached, or waits for a standby to catch up.
SyncStep next_sync_step(const SyncStand& stand, const SyncGoal& goal);

}  // namespace tamada::core
