// Reads PostgreSQL's timeline history files, from pg_wal or from TIMELINE_HISTORY.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/cluster_view.h"
#include "core/postgres_view.h"

namespace tamada::postgres {

std::vector<core::HistoryLine> parse_timeline_history(std::string_view content);
std::string history_file_name(core::Timeline timeline);  // "00000002.history"

core::Timeline newest_history_file(const std::string& pg_wal);  // the newest timeline that has such a file; 0 when
                                                                // there is none
// The newest timeline to which a server with this control file can recover by the history files in pg_wal: the newest
// on which it may have received WAL. Files of other histories, which PostgreSQL has fetched from the archive, do not
// count. Source: PostgreSQL, the checks of InitWalRecovery().
core::Timeline newest_own_timeline(const std::string& pg_wal, const core::ControlFile& control);

}  // namespace tamada::postgres
