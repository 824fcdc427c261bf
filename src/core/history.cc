#include "core/history.h"

namespace tamada::core {

std::optional<Lsn> beginning_of(Timeline timeline, const std::vector<HistoryLine>& history, Timeline newest) {
  for (std::size_t i = 0; i < history.size(); ++i) {
    const Timeline begun = i + 1 < history.size() ? history[i + 1].timeline : newest;
    if (begun == timeline) return history[i].lsn;
  }
  return std::nullopt;
}

std::vector<HistoryLine> merge_history(const std::vector<HistoryLine>& file, const std::vector<HistoryLine>& known,
                                       const std::string& timestamp, const std::string& new_leader, int lines_max) {
  std::vector<HistoryLine> lines = file;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto& line = lines[i];
    bool told = false;
    for (const auto& old : known) {
      if (old.timeline != line.timeline || old.lsn != line.lsn || old.timestamp.empty()) continue;
      line.timestamp = old.timestamp;
      line.new_leader = old.new_leader;
      told = true;
    }
    if (!told && i + 1 == lines.size()) {
      line.timestamp = timestamp;
      line.new_leader = new_leader;
    }
  }
  if (lines_max > 0 && lines.size() > static_cast<std::size_t>(lines_max)) {
    lines.erase(lines.begin(), lines.end() - lines_max);
  }
  return lines;
}

}  // namespace tamada::core
