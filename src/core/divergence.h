// Whether the local WAL has records that are not in another server's history. Then only pg_rewind or a fresh copy
// helps. Source: PostgreSQL, "Continuous Archiving", section "Timelines"; pg_rewind's reference page.
#pragma once

#include "core/observation.h"

namespace tamada::core {

enum class Divergence {
  none,  // the local WAL is a part of the upstream's history
  diverged,
  same_number_fork,  // diverged, and both timelines have the same number, so pg_rewind would see nothing to do
  unknown,           // not enough facts yet
};

// Whether the local timeline and the upstream's have the same number and different histories. This happens if two
// members are promoted from the same timeline, one after the other. Their history files differ if they left the old
// timeline at different positions, which PostgreSQL does not compare. If the positions are the same, only the WAL
// itself differs.
bool is_fork_of_same_number(const UpstreamView& upstream);

// Whether the cluster's history left our timeline before the position that this standby has reached. The WAL receiver
// of such a standby connects again and again, because the leader sends what it has of the old timeline and ends the
// stream. This does not count as streaming.
bool beyond_the_fork(const PostgresView& local, const ClusterView& cluster);

// own: what the running local standby tells about itself on a replication connection. For a stopped server the control
// file is used instead.
Divergence divergence(const PostgresView& local, const UpstreamView& upstream, const std::optional<UpstreamView>& own);

}  // namespace tamada::core
