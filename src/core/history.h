// Makes the key `history` from PostgreSQL's timeline history file.
#pragma once

#include <optional>
#include <vector>

#include "core/cluster_view.h"

namespace tamada::core {

// Where `timeline` began, according to the history of `newest`, which is that timeline or a descendant.
std::optional<Lsn> beginning_of(Timeline timeline, const std::vector<HistoryLine>& history, Timeline newest);

// `file`: the lines of the current timeline's history file. A line that the key already has keeps its timestamp and its
// new leader; the newest line, which is ours, gets them from the arguments. No line of the file is dropped, except by
// `lines_max`; 0 means all.
std::vector<HistoryLine> merge_history(const std::vector<HistoryLine>& file, const std::vector<HistoryLine>& known,
                                       const std::string& timestamp, const std::string& new_leader, int lines_max);

}  // namespace tamada::core
