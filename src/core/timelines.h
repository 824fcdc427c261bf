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
  Lsn lsn = 0;              // where it left the previous timeline
  std::string record = {};  // the header of its first record, in hexadecimal; it contains a checksum of the time of the
                            // promotion. Empty when it is not known, or not known any more
  bool operator==(const TimelineStart&) const = default;
};

// "0/5000060-3a00...", without the timeline's number.
std::string format_start(const TimelineStart& start);
// nullopt when there is none, or when it cannot be read.
std::optional<TimelineStart> parse_start(Timeline timeline, std::string_view text);

// Whether both are the same timeline; nullopt when that is not known.
std::optional<bool> same_timeline(const TimelineStart& a, const TimelineStart& b);

// The timelines of one server from 2 on, oldest first; its WAL ends on the last one.
using Timelines = std::vector<TimelineStart>;

// How another server's WAL relates to ours.
struct Standing {
  enum class Kind {
    contained,  // all of it is here, too
    ahead,      // it has all of ours, and more
    newer,      // it is on a newer timeline, and it is not known whether that one came from ours
    parted,     // it has WAL that our history does not have
  };
  Kind kind = Kind::contained;
  bool proven = false;  // the result does not rest on the timelines' numbers alone
};
struct WalEnd {
  Timeline timeline = 0;  // 0 when it is not known
  Lsn lsn = 0;
  std::optional<TimelineStart> start = {};  // of `timeline`
};
Standing standing(const Timelines& ours, const WalEnd& our_end, const WalEnd& theirs);

// Whether `timeline` is a part of the history that ends on the timeline `newest`; nullopt when that is not known.
std::optional<bool> is_part_of(const Timelines& history, Timeline newest, const TimelineStart& timeline);

}  // namespace tamada::core
