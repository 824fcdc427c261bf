// The key `history` from PostgreSQL's timeline history file.
#pragma once

#include <optional>
#include <vector>

#include "core/cluster_view.h"

namespace tamada::core {

// Where `timeline` began, according to the history of `newest`, which is that timeline or a descendant.
std::optional<Lsn> beginning_of(Timeline timeline, const std::vector<HistoryLine>& history, Timeline newest);

// `file`: lines of the current timeline's history file. Lines that the key already has keep their timestamp and new
// leader; the newest, ours, gets them from here. Never drops a line that the file has; `lines_max` 0: all.
std::vector<HistoryLine> merge_history(const std::vector<HistoryLine>& file, const std::vector<HistoryLine>& known,
                                       const std::string& timestamp, const std::string& new_leader, int lines_max);

}  // namespace tamada::core
