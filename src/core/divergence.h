// Whether the local WAL has records that are not in another server's history. Then only pg_rewind or a fresh copy
// helps. Source: PostgreSQL, "Continuous Archiving", section "Timelines"; pg_rewind's reference page.
#pragma once

#include "core/observation.h"

namespace tamada::core {

enum class Divergence {
  none,  // the local WAL is a part of the upstream's past
  diverged,
  same_number_fork,  // diverged, and both timelines bear the same number: pg_rewind would see nothing to do
  unknown,           // not enough facts yet
};

// Two members that were promoted from the same timeline, one after the other, have given one number to two histories.
// Their history files differ if they left the old timeline at different positions, which PostgreSQL does not compare.
// If the positions are the same, only the WAL itself differs.
bool is_fork_of_same_number(const UpstreamView& upstream);

// The cluster's history left our timeline before the position that this standby has reached. Its WAL receiver connects
// all the same, again and again: the leader sends what it has of the old timeline, and ends the stream. That is not
// streaming.
bool beyond_the_fork(const PostgresView& local, const ClusterView& cluster);

// own: what the running local standby says of itself on a replication connection; of a stopped server the control file
// tells.
Divergence divergence(const PostgresView& local, const UpstreamView& upstream, const std::optional<UpstreamView>& own);

}  // namespace tamada::core
