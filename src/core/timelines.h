// Identifies timelines. PostgreSQL only numbers them, and two servers that are promoted without knowing of each other
// give the same number to two different histories. Source: PostgreSQL, "Continuous Archiving", section "Timelines".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace tamada::core {

// How a timeline began, which distinguishes it from others of the same number. There is only one timeline 1, initdb's.
struct TimelineStart {
  Timeline timeline = 0;
  Lsn lsn = 0;              // where it left the one before
  std::string record = {};  // the header of its first record, hexadecimal: with a checksum of the time of the
                            // promotion; empty: not known (any more)
  bool operator==(const TimelineStart&) const = default;
};

// "0/5000060-3a00...", without the number.
std::string format_start(const TimelineStart& start);
// nullopt: there is none, or it cannot be read.
std::optional<TimelineStart> parse_start(Timeline timeline, std::string_view text);

// Whether both are the same timeline; nullopt: not known.
std::optional<bool> same_timeline(const TimelineStart& a, const TimelineStart& b);

// The timelines of one server from 2 on, oldest first; its WAL ends on the last one.
using Timelines = std::vector<TimelineStart>;

// How another server's WAL relates to ours.
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

// Whether `timeline` is a part of the history that ends on `newest`; nullopt: not known.
std::optional<bool> is_part_of(const Timelines& history, Timeline newest, const TimelineStart& timeline);

}  // namespace tamada::core
