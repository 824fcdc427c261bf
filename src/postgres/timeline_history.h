// PostgreSQL's timeline history files, as they lie in pg_wal and come from TIMELINE_HISTORY.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/cluster_view.h"

namespace tamada::postgres {

std::vector<core::HistoryLine> parse_timeline_history(std::string_view content);
std::string history_file_name(core::Timeline timeline);  // "00000002.history"

core::Timeline newest_history_file(const std::string& pg_wal);  // the greatest number of them; 0: there is none

}  // namespace tamada::postgres
