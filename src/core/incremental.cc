#include "core/incremental.h"

#include <algorithm>

namespace tamada::core {
namespace {

const TimelineStart* start_of(const Timelines& timelines, Timeline number) {
  const auto it = std::ranges::find(timelines, number, &TimelineStart::timeline);
  return it == timelines.end() ? nullptr : &*it;
}

// Why the source's history does not contain everything that the old data have; empty when it does.
std::string parted(const OldData& old, const BackupSource& source, Timeline timeline, Lsn reached) {
  const auto number = std::to_string(timeline);
  if (timeline > source.timeline) return "they are on timeline " + number + ", which the source does not have";
  if (timeline > 1) {
    // Another timeline may have the same number, so the numbers prove nothing.
    const auto* here = start_of(old.timelines, timeline);
    const auto* there = start_of(source.timelines, timeline);
    const auto same = here && there ? same_timeline(*here, *there) : std::nullopt;
    if (!same) return "it is not known whether their timeline " + number + " is that of the source";
    if (!*same) return "their timeline " + number + " is not that of the source";
  }
  auto end = source.lsn;
  if (timeline < source.timeline) {
    const auto line = std::ranges::find(source.history, timeline, &HistoryLine::timeline);
    if (line == source.history.end()) return "the source's history does not have their timeline " + number;
    end = line->lsn;
  }
  if (reached <= end) return "";
  return "they go on to " + format_lsn(reached) + " on timeline " + number + ", and the source has it up to " +
         format_lsn(end) + " only";
}

}  // namespace

Result<IncrementalBase> incremental_base(const OldData& old, const BackupSource& source) {
  const auto& control = old.control;
  if (control.system_identifier != source.system_identifier) {
    return fail("they belong to another cluster, with the system identifier " + control.system_identifier);
  }
  // A standby changes blocks only as the WAL says which it got from others. Before it writes a block to disk, it writes
  // the position of the block's last change to the control file (min_recovery_end).
  const bool standby =
      control.state == ControlState::in_archive_recovery || control.state == ControlState::shut_down_in_recovery;
  if (!standby) return fail("they are not those of a standby, so they may have changes that no other server has");
  if (control.data_checksums != source.data_checksums) {
    return fail(std::string("data checksums are ") + (control.data_checksums ? "on" : "off") + " in them and " +
                (source.data_checksums ? "on" : "off") + " on the source");
  }
  if (control.redo == 0 || control.timeline == 0) return fail("their control file names no checkpoint");
  const auto timeline = std::max(control.timeline, control.min_recovery_timeline);
  const auto why_not = parted(old, source, timeline, std::max(control.redo, control.min_recovery_end));
  if (!why_not.empty()) return fail(why_not);
  return IncrementalBase{.timeline = control.timeline, .redo = control.redo};
}

}  // namespace tamada::core
