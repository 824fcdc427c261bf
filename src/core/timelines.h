// Which history a timeline is: PostgreSQL gives numbers, and two servers that are promoted one after the other, without
// knowing of each other, give one number to two histories.
// Source: PostgreSQL, "Continuous Archiving", section "Timelines".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace tamada::core {

// How a timeline began: that tells it from all others of its number. Timeline 1 is one only, initdb's.
struct TimelineStart {
  Timeline timeline = 0;
  Lsn lsn = 0;              // where it left the one before
  std::string record = {};  // the header of its first record, hexadecimal: with a checksum of the time of the
                            // promotion; empty: not known (any more)
  bool operator==(const TimelineStart&) const = default;
};

// "0/5000060-3a00...", without the number.
std::string format_start(const TimelineStart& start);
// Nothing: there is none, or it is not to be understood.
std::optional<TimelineStart> parse_start(Timeline timeline, std::string_view text);

// Whether both are the same timeline; nothing: not known.
std::optional<bool> same_timeline(const TimelineStart& a, const TimelineStart& b);

// Timelines of one server, oldest first, from 2 on; the last one is that which its WAL ends on.
using Timelines = std::vector<TimelineStart>;

// How the WAL of another server stands to ours.
struct Standing {
  enum class Kind {
    contained,  // all of it is here, too
    ahead,      // it has all of ours, and more
    newer,      // it is on a newer timeline: whether that came of ours is not known
    parted,     // it has what our history does not
  };
  Kind kind = Kind::contained;
  bool proven = false;  // not only by the timelines' numbers
};
struct WalEnd {
  Timeline timeline = 0;  // 0: not known
  Lsn lsn = 0;
  std::optional<TimelineStart> start = {};  // of that timeline
};
Standing standing(const Timelines& ours, const WalEnd& our_end, const WalEnd& theirs);

// Whether `timeline` is a part of the history that ends on `newest`; nothing: not known.
std::optional<bool> is_part_of(const Timelines& history, Timeline newest, const TimelineStart& timeline);

}  // namespace tamada::core
