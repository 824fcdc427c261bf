#include "core/timelines.h"

#include <algorithm>

namespace tamada::core {
namespace {

const TimelineStart* find_start(const Timelines& timelines, Timeline number) {
  const auto it = std::ranges::find(timelines, number, &TimelineStart::timeline);
  return it == timelines.end() ? nullptr : &*it;
}

bool is_complete(const Timelines& timelines, Timeline newest) {
  return newest == 1 || (!timelines.empty() && timelines.back().timeline == newest);
}

// The position at which the history left timeline `number`; nullopt when it never did.
std::optional<Lsn> left_at(const Timelines& timelines, Timeline number) {
  for (const auto& start : timelines) {
    if (start.timeline > number) return start.lsn;
  }
  return std::nullopt;
}

}  // namespace

std::string format_start(const TimelineStart& start) {
  return format_lsn(start.lsn) + (start.record.empty() ? "" : "-" + start.record);
}

std::optional<TimelineStart> parse_start(Timeline timeline, std::string_view text) {
  if (timeline == 0) return std::nullopt;
  if (timeline == 1) return TimelineStart{.timeline = 1};
  const auto dash = std::min(text.find('-'), text.size());
  const auto lsn = parse_lsn(text.substr(0, dash));
  if (!lsn) return std::nullopt;
  text.remove_prefix(std::min(dash + 1, text.size()));
  return TimelineStart{.timeline = timeline, .lsn = *lsn, .record = std::string(text)};
}

std::optional<bool> same_timeline(const TimelineStart& a, const TimelineStart& b) {
  if (a.timeline != b.timeline) return false;
  if (a.timeline == 1) return true;
  if (a.lsn != b.lsn) return false;
  if (a.record.empty() || b.record.empty()) return std::nullopt;
  return a.record == b.record;
}

std::optional<bool> is_part_of(const Timelines& history, Timeline newest, const TimelineStart& timeline) {
  if (timeline.timeline > newest) return false;
  if (timeline.timeline == 1) return true;
  if (const auto* here = find_start(history, timeline.timeline)) return same_timeline(*here, timeline);
  return is_complete(history, newest) ? std::optional(false) : std::nullopt;
}

Standing standing(const Timelines& ours, const WalEnd& our_end, const WalEnd& theirs) {
  using Kind = Standing::Kind;
  const auto by_position = [](Lsn lsn, Lsn limit, Kind beyond, bool proven) {
    return Standing{lsn <= limit ? Kind::contained : beyond, proven};
  };
  if (theirs.timeline == 0 || our_end.timeline == 0) return by_position(theirs.lsn, our_end.lsn, Kind::ahead, false);
  if (theirs.timeline > our_end.timeline) return {Kind::newer, false};
  const auto known = theirs.timeline == 1 ? TimelineStart{.timeline = 1} : theirs.start.value_or(TimelineStart{});
  const auto same = known.timeline == 0 ? std::nullopt : is_part_of(ours, our_end.timeline, known);
  const bool proven = same == true && is_complete(ours, our_end.timeline);
  if (same == false) return {Kind::parted, true};
  if (theirs.timeline == our_end.timeline) return by_position(theirs.lsn, our_end.lsn, Kind::ahead, proven);
  // Only the timelines' numbers are known. WAL of an older timeline beyond the fork, which the other server may have,
  // was abandoned.
  const auto fork = left_at(ours, theirs.timeline);
  return by_position(theirs.lsn, fork.value_or(our_end.lsn), Kind::parted, proven && fork.has_value());
}

}  // namespace tamada::core
