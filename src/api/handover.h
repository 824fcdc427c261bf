// A change of the leader, requested or because the old leader is gone, as one node sees it: its phases and their times.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/board.h"

namespace tamada::api {

// One phase of a change of the leader. The names, in order: "checkpoint" and "stop" (only the old leader itself sees
// these), "hand-over" (nobody holds the leader key), "promote" (the new leader holds the key, but is not the primary
// yet).
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
  bool standby_cluster = false;  // when it is done: the new leader is that of a standby cluster, and no primary
  std::string reason;            // why it failed
  std::string cause;  // why the old leader of an automatic change no longer leads, as far as this node can tell

  core::Duration outage() const { return ended - outage_began; }  // when it is done
};
std::string_view name(Handover::State state);

// Must be given every publication, in order.
class HandoverWatch {
 public:
  // Updates `current`: begins a new change of the leader, moves the present one on, or ends it.
  void look(const Snapshot& snapshot, std::optional<Handover>& current);

 private:
  void begin(const Snapshot& snapshot, std::optional<Handover>& current, std::string kind);
  void advance(const Snapshot& snapshot, Handover& current) const;

  void watch_primary(const Snapshot& snapshot);
  std::string cause(const Snapshot& snapshot) const;

  std::string leader_;                 // the last holder of the key
  std::string leader_state_;           // the state of its PostgreSQL that its member key told last
  core::Revision request_ = 0;         // the last request looked at
  core::Instant primary_seen_{};       // when the leader was last known to run as the primary
  std::optional<core::Instant> lost_;  // since when the leader does not run as the primary, as far as this node can
                                       // tell
};

}  // namespace tamada::api
