// Everything that is kept from one decision to the next, as a value that can be copied and compared. It has a part for
// each purpose. A function that changes only one part gets that part alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/cluster_view.h"
#include "core/observation.h"
#include "core/retries.h"
#include "core/sync_names.h"
#include "core/types.h"

namespace tamada::core {

// PostgreSQL is stopped and started again because somebody asked for it; this is done in pause, too.
struct Restarting {
  std::uint64_t after_job = 0;      // the request is done when a later job than this one has started the server
  std::optional<Duration> timeout;  // see RestartRequest
};

struct Memory {
  // Who belongs to the cluster; see core/lost_keys.h.
  struct Electorate {
    // The members when there last was a leader, and those that have come since. A race asks them even if their keys
    // were deleted or expired with the lease. Until this run of the daemon has seen a leader, it is the list that an
    // earlier run noted on disk.
    std::map<std::string, Member> members;
    Instant ours_until{};  // the end of our lease, when we last saw a leader and our member key
  };

  // Who leads and who led, as the DCS and the members' answers tell.
  struct Leadership {
    Revision tenure = 0;                    // create_revision of the last leader key that we saw
    Instant tenure_since{};                 // when we first saw that leader key
    std::optional<Instant> unlocked_since;  // when we first saw that there is no leader, or that one came and went
    LeaderMarks unlocked_marks;             // the revisions in the DCS at that time
    std::string last_leader;                // the holder of the leader key before it became free; empty when not known
    Instant primary_seen_at{};              // when another member last answered as a primary while there was no leader
                                            // key
  };

  // This node's own attempts to take the leader key, and the facts that the race depends on.
  struct Race {
    Instant key_asked_at{};             // when we last tried to take the leader key
    Instant raced_at{};                 // when we last tried because no other member was a better candidate
    std::optional<Instant> gave_up_at;  // when we released the leader key by ourselves; other members go first for a
                                        // while
    Instant peers_weighed{};            // a race has judged the answers of the poll that ended then
    Lsn received = 0;                   // our position as a standby
    Instant received_at{};              // when that position was last seen to move
  };

  // The last answers that a decision has used. On a busy machine, reading the server's state can take longer than an
  // answer stays fresh. So the first decision after an answer may use it even if it is older; otherwise the daemon
  // would ask again without end.
  struct Answers {
    Instant peers_seen{}, upstream_seen{};
  };

  // The bound until which this node's PostgreSQL may write; see core/fencing.h.
  struct Fence {
    std::optional<Instant> until;
    Duration length{};  // from the renewal to the bound: the guard's margin for the error of clocks is a part of it
    // When our primary, outside pause, began to run without a leader key on our lease.
    std::optional<Instant> without_leader_key_since;
  };

  // A requested switchover or failover, and the stop that gives the leader key away.
  struct HandOver {
    Revision request = 0;  // revision of the key `failover` when we first saw it
    Instant request_seen_at{};
    Revision request_tried = 0;  // revision of the key `failover` for which we last gave the leader key up
    std::string why;             // why we stop postgres in order to give the leader key away; empty when we do not
    // Set when processes of the server do not end, not even by SIGKILL, because the kernel waits for a disk. Then the
    // lease is not renewed, and the leader key goes with it.
    bool by_lease = false;
    bool under_way() const { return !why.empty(); }
  };

  struct Jobs {
    std::uint64_t seen = 0;  // the last job whose outcome a rule has used
    std::map<JobKind, Retry> backoff;
    std::uint64_t reloads = 0;  // the number of reloads when the last decision was made
  };

  // What has happened to the local server.
  struct Server {
    std::uint64_t last_up = 0;        // the last job by which postgres came up, as a standby or as the primary
    std::optional<Instant> up_since;  // when postgres came up, until a rule has judged how that server ended
    std::optional<Instant> stopped_since;
    std::optional<Instant> crashed_at;       // the leader's server; primary_start_timeout counts from then
    std::optional<Instant> shut_down_since;  // our primary has written its shutdown checkpoint, but its processes have
                                             // not ended
    std::optional<Instant> not_streaming_since;
    Lsn flushed = 0;       // our primary: the position up to which it has flushed its WAL
    Instant flushed_at{};  // when that position was last seen to move, or was first seen
  };

  // How the data directory is made.
  struct Data {
    bool bootstrapping = false;     // we won the key `initialize`, and the bootstrap has not ended
    bool copy_from_leader = false;  // an operator asked for the next copy to be made from the leader
    bool copy_from_remote = false;  // an operator asked the standby leader for a fresh copy of the remote server
  };

  // The use of pg_rewind in this tenure.
  struct Rewind {
    bool done = false;
    bool failed = false;
    std::string error;  // of the last run, if it failed; empty when it ended well but did not help
    // The member from which pg_rewind last copied. The server needs WAL of that member to become consistent, and
    // accepts no connections until then. Empty when there is none.
    std::string source;
  };

  // What the operator's callbacks have been told so far.
  struct Callbacks {
    std::string role;                   // the role that the last callback was told; empty when there was none
    bool start_told = false;            // on_start has been called since postgres came up
    std::string at_start = "on_start";  // the callback to call once postgres is up: on_start or on_restart
  };

  // The primary's view of synchronous replication.
  struct Sync {
    std::string names_seen;          // synchronous_standby_names as last seen in force
    Instant names_seen_at{};         // when that value was first seen
    std::optional<Lsn> names_since;  // the position from which on all commits wait for these names, once that is
                                     // certain
    Names caught_up;                 // the standbys that have reached that position
    std::string names_asked;         // the value that we last set, and when
    Instant names_asked_at{};
    bool wait_told = false;  // the log has said that synchronous_mode_strict has no standby
    // The standbys that had not flushed all of our WAL when we last looked: their position, and since when it has not
    // moved.
    struct Behind {
      Lsn flushed = 0;
      Instant since{};
    };
    std::map<std::string, Behind, NameLess> behind;
    Lsn wal_seen = 0;  // the end of our WAL at the last look
    bool wal_moves = false;
  };

  // What was last written to the DCS, so that nothing is written twice.
  struct Written {
    Instant member_at{};
    Instant status_at{};
    Instant history_at{};
    Timeline checkpoint_for = 0;  // the timeline for which we have asked for a checkpoint
  };

  // Replication slots of this node.
  struct Slots {
    bool surveyed = false;          // the slots have been read since postgres started; those that existed then may be
                                    // dropped
    std::set<std::string> managed;  // the slots that existed then, or were wanted since. A slot that a client makes
                                    // later is left alone
    std::string asked;              // the last requested change, which is not tried again at once when it fails
    Instant asked_at{};
    int tries = 0;  // the number of attempts at that change
    Instant advanced_at{};
    std::map<std::string, std::optional<Xid>> unproven;  // see core/slot_readiness.h
    Instant leader_asked_at{};
    std::map<std::string, Instant> retained;  // on the leader: the slots of members, and when each member was last seen
    Revision retained_in = 0;                 // the tenure in which `retained` was noted
  };

  Instant born{};  // the time of this daemon's first decision
  Electorate electorate;
  Leadership leadership;
  Race race;
  Answers answers;
  Fence fence;
  HandOver hand_over;
  Jobs jobs;
  Server server;
  Data data;
  Rewind rewind;
  std::optional<Restarting> restarting;
  Callbacks callbacks;
  Sync sync;
  Written written;
  Slots slots;
};

}  // namespace tamada::core
