// The archive that archive_command fills and restore_command reads: a folder of files, which knows a timeline only by
// its number. Source: PostgreSQL's documentation, "Continuous Archiving", and src/backend/access/transam/timeline.c.
#pragma once

#include <algorithm>
#include <map>
#include <optional>

#include "sim/wal.h"

namespace tamada::sim {

class Archive {
 public:
  bool on = false;  // whether the cluster has one

  // A primary archives its WAL up to here, or only its history file, if that is where its timeline begins. A file is
  // never replaced, so another history of the same number is refused.
  void keep(const Wal& wal, Position end) {
    if (!on || end.branch < 0) return;
    auto& kept = kept_.try_emplace(wal.timeline(end), end).first->second;
    if (kept.branch == end.branch) kept.lsn = std::max(kept.lsn, end.lsn);
  }
  // The highest number with a history file. PostgreSQL looks for one number after the other until one is missing.
  Timeline newest(Timeline known) const {
    while (kept_.contains(known + 1)) ++known;
    return known;
  }
  // How far a standby gets that has replayed up to `at`: on the newest timeline if that one left the standby's own
  // behind `at`, else on its own. nullopt when there is nothing more for it. to_newest: its recovery_target_timeline is
  // latest.
  std::optional<Position> beyond(const Wal& wal, Position at, bool to_newest) const {
    for (const auto number : {to_newest ? newest(wal.timeline(at)) : wal.timeline(at), wal.timeline(at)}) {
      const auto it = kept_.find(number);
      if (it == kept_.end() || it->second == at || !wal.contains(it->second, at)) continue;
      const bool has_wal = it->second.branch == at.branch || it->second.lsn > wal.of(it->second.branch).fork;
      if (has_wal) return it->second;
    }
    return std::nullopt;
  }
  // The end of the newest timeline, if it is newer than the timeline of `own` and does not contain that position. A
  // server that starts with recovery_target_timeline = latest leaves its own WAL for it.
  std::optional<Position> parted(const Wal& wal, Position own) const {
    const auto it = kept_.find(newest(wal.timeline(own)));
    if (it == kept_.end() || it->first <= wal.timeline(own) || wal.contains(it->second, own)) return std::nullopt;
    return it->second;
  }

 private:
  std::map<Timeline, Position> kept_;  // by the number of the timeline: the end of its WAL
};

}  // namespace tamada::sim
