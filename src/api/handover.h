// A change of the leader, by request or because the old one is gone, as one node sees it: its phases and their times.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/board.h"

namespace tamada::api {

// In order: "checkpoint" and "stop" (only the old leader itself sees these), "hand-over" (nobody holds the key),
// "promote" (the new leader holds the key and is no primary yet).
struct Phase {
  std::string name;
  core::Instant began{};
  std::optional<core::Instant> ended;
  std::string waits_for = {};  // what the phase waits for, if that is known
};

struct Handover {
  std::string kind;      // "switchover", "failover" (by request), "automatic"
  std::string from, to;  // to: the candidate that was asked for, later the new leader; may be empty
  core::WallTime began_wall{};
  core::Instant began{};
  core::Instant outage_began{};  // when writes ended, as far as this node can tell
  std::vector<Phase> phases;
  enum class State { running, done, failed } state = State::running;
  core::Instant ended{};
  std::string reason;  // failed: why

  core::Duration outage() const { return ended - outage_began; }  // when done
};
std::string_view name(Handover::State state);

// Gets every publication, in order.
class HandoverWatch {
 public:
  // Updates `current`: begins a new one, moves it on, or ends it.
  void look(const Snapshot& snapshot, std::optional<Handover>& current);

 private:
  void begin(const Snapshot& snapshot, std::optional<Handover>& current, std::string kind);
  void advance(const Snapshot& snapshot, Handover& current) const;

  void watch_primary(const Snapshot& snapshot);

  std::string leader_;                 // who held the key last
  core::Revision request_ = 0;         // the last request looked at
  core::Instant primary_seen_{};       // when the leader was last known to run as the primary
  std::optional<core::Instant> lost_;  // since when it does not, as far as this node can tell
};

}  // namespace tamada::api
