// Whether the local WAL holds something that another server's history does not: then only pg_rewind or a fresh copy
// helps. Source: PostgreSQL, "Continuous Archiving", section "Timelines"; pg_rewind's reference page.
#pragma once

#include "core/observation.h"

namespace tamada::core {

enum class Divergence {
  none,  // the local WAL is a part of the upstream's past
  diverged,
  twin,     // diverged, and both timelines bear the same number: pg_rewind would see nothing to do
  unknown,  // not enough facts yet
};

// own: what the running local standby says of itself on a replication connection; of a stopped server the control file
// tells.
Divergence divergence(const PostgresView& local, const UpstreamView& upstream, const std::optional<UpstreamView>& own);

}  // namespace tamada::core
