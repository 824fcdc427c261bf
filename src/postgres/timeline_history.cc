#include "postgres/timeline_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>

#include "postgres/files.h"

namespace tamada::postgres {
namespace {

constexpr std::string_view blanks = " \t";

// Removes the first word from `line` and returns it.
std::string_view word(std::string_view& line) {
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(blanks)));
  const auto result = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(result.size());
  return result;
}

}  // namespace

std::vector<core::HistoryLine> parse_timeline_history(std::string_view content) {
  std::vector<core::HistoryLine> result;
  while (!content.empty()) {
    auto line = content.substr(0, content.find('\n'));
    content.remove_prefix(std::min(content.size(), line.size() + 1));
    const auto timeline_text = word(line);
    if (timeline_text.empty() || timeline_text.starts_with('#')) continue;
    core::HistoryLine parsed;
    const auto* const begin = timeline_text.data();
    const auto* const end = begin + timeline_text.size();
    const auto [stopped, failed] = std::from_chars(begin, end, parsed.timeline);
    const auto lsn = core::parse_lsn(word(line));
    if (failed != std::errc() || stopped != end || !lsn) continue;
    parsed.lsn = *lsn;
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(blanks)));
    parsed.reason = line;
    result.push_back(std::move(parsed));
  }
  return result;
}

std::string history_file_name(core::Timeline timeline) { return fmt::format("{:08X}.history", timeline); }

namespace {

std::vector<core::Timeline> history_files(const std::string& pg_wal) {
  std::vector<core::Timeline> found;
  std::error_code error;
  for (std::filesystem::directory_iterator at(pg_wal, error), end; !error && at != end; at.increment(error)) {
    const auto name = at->path().filename().string();
    core::Timeline number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number, 16);
    if (name == history_file_name(number)) found.push_back(number);
  }
  return found;
}

// Whether a server with this control file can recover to the timeline that has this history.
bool leads_to(const std::vector<core::HistoryLine>& history, core::Timeline newest, const core::ControlFile& control) {
  const auto end_of = [&](core::Timeline timeline) {
    const auto line = std::ranges::find(history, timeline, &core::HistoryLine::timeline);
    return timeline == newest ? std::numeric_limits<core::Lsn>::max() : line == history.end() ? 0 : line->lsn;
  };
  if (end_of(control.timeline) <= control.checkpoint) return false;
  return control.min_recovery_timeline == 0 || end_of(control.min_recovery_timeline) >= control.min_recovery_end;
}

}  // namespace

core::Timeline newest_history_file(const std::string& pg_wal) {
  const auto found = history_files(pg_wal);
  return found.empty() ? 0 : std::ranges::max(found);
}

core::Timeline newest_own_timeline(const std::string& pg_wal, const core::ControlFile& control) {
  auto newest = std::max(control.timeline, control.min_recovery_timeline);
  for (const auto timeline : history_files(pg_wal)) {
    const auto content = read_file(pg_wal + "/" + history_file_name(timeline));
    if (timeline <= newest || !content) continue;
    if (leads_to(parse_timeline_history(*content), timeline, control)) newest = timeline;
  }
  return newest;
}

}  // namespace tamada::postgres
