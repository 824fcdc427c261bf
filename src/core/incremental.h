// Whether a replica can be made of an old data directory and an incremental backup of another server. PostgreSQL's
// program takes each block that has changed on that server since a position from the backup, and all others from the
// old data. It does not know what has changed in the old data, so this has to be proven here. Source: PostgreSQL,
// "Continuous Archiving", section "Making an Incremental Backup"; "pg_combinebackup".
#pragma once

#include <vector>

#include "core/cluster_view.h"
#include "core/postgres_view.h"

namespace tamada::core {

struct OldData {
  ControlFile control;
  Timelines timelines = {};  // as far as they are known
};

struct BackupSource {
  std::string system_identifier;
  Timeline timeline = 0;
  Lsn lsn = 0;                            // where its WAL ends
  std::vector<HistoryLine> history = {};  // of `timeline`
  Timelines timelines = {};               // as far as they are known
  bool data_checksums = false;
};

// The old data have every change of the cluster's history before this position on disk, and no change of another
// history. So a block that the source has not changed since is the same on both.
struct IncrementalBase {
  Timeline timeline = 0;
  Lsn redo = 0;
};

// An error tells why the old data are of no use.
Result<IncrementalBase> incremental_base(const OldData& old, const BackupSource& source);

}  // namespace tamada::core
