// pg_rewind was interrupted, or failed, while it was changing the data directory. The directory is no valid cluster any
// more, and a second pg_rewind cannot repair it, because pg_rewind relies on the WAL and on the sizes of files that the
// first one has changed. But the directory may hold the last copy of commits that only this node had, so it is replaced
// only with the operator's consent.
#include "core/presentation.h"
#include "core/rules/common.h"

namespace tamada::core::rules {

Answer half_rewound(const Observation& seen, const Memory& memory) {
  if (seen.postgres.data_directory != DataDirectory::half_rewound) return std::nullopt;
  const auto what = core::half_rewound(seen.postgres);
  if (seen.leader_key_is_stale()) return take_over_own_key(seen, memory);  // only a key on our lease can be released
  if (seen.leader_key_names_us()) {
    return warn(memory, "released leader key: " + what, {ReleaseLeader{}});
  }
  if (seen.postgres.has_postmaster()) {  // the daemon did not start this server
    return warn(memory, "stopping PostgreSQL: " + what,
                {StartJob{.kind = JobKind::stop, .stop_mode = StopMode::immediate, .timeout = 30s}});
  }
  if (seen.settings.replaces_half_rewound()) return std::nullopt;
  return warn(memory, what);
}

}  // namespace tamada::core::rules
