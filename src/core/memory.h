// All that survives from one decision to the next. A value: copy it, compare it, print it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/cluster_view.h"
#include "core/types.h"

namespace tamada::core {

struct Backoff {
  int failures = 0;
  Instant not_before{};
};

struct Memory {
  // Members as last seen in the DCS: whom to ask when the keys have been wiped or have expired with their lease.
  std::map<std::string, Member> known_members;
  std::optional<Instant> unlocked_since;     // when we first saw that there is no leader
  std::uint64_t job_seen = 0;                // the last job whose outcome has been dealt with
  std::map<int, Backoff> backoff;            // by JobKind
  bool bootstrapping = false;                // we won `initialize` and have not finished
  bool rewound = false;                      // a rewind succeeded; cleared when streaming, or by a new tenure
  bool rewind_failed = false;                // since this tenure of the leader began
  Revision upstream_tenure = 0;              // create_revision of the leader key that the two above belong to
  std::optional<Instant> not_streaming_since;
  std::optional<Instant> crashed_at;         // leader: when postgres crashed, for primary_start_timeout
  bool handing_over = false;                 // we stopped postgres to give the leader key away
  std::optional<Instant> gave_up_leader_at;  // we released the key by ourselves; let others go first for a while
  std::string released_because;
  Instant peers_polled_at{};
  std::string last_role;                     // for the callbacks: primary, replica, demoted; empty: none yet
  std::map<std::string, Instant> slot_missing_since;  // member slots whose member key is gone
  Timeline history_written_for = 0;
  bool checkpoint_done = false;              // since our promotion
  Timeline checkpoint_for = 0;
};

}  // namespace tamada::core
