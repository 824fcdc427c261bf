// All that survives from one decision to the next. A value: copy it, compare it, print it.
// It has a part for each purpose. A function that changes only one part is given that part alone.
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
  std::uint64_t after_job = 0;      // the start that ends it is a later job
  std::optional<Duration> timeout;  // see RestartRequest
};

struct Memory {
  // Who belongs to the cluster; see core/lost_keys.h.
  struct Electorate {
    // Who belonged to the cluster when there last was a leader, and who has come since: whom to ask in a race, though
    // their keys were wiped or expired with the lease. Until this run has seen a leader, as a former one noted it on
    // disk.
    std::map<std::string, Member> members;
    Instant ours_until{};  // the end of our lease, when we last saw a leader and our member key
  };

  // Who leads and who led, as the DCS and the members' answers have told.
  struct Leadership {
    Revision tenure = 0;                    // create_revision of the last leader key that we saw
    Instant tenure_since{};                 // when we first saw that leader key
    std::optional<Instant> unlocked_since;  // when we first saw that there is no leader, or that one came and went
    LeaderMarks unlocked_marks;             // what was in the DCS then
    std::string last_leader;                // who held the key before it became free; empty: not known
    Instant primary_seen_at{};              // when another last answered as a primary, there being no leader key
  };

  // This node's own attempts at the leader key, and what the race is decided by.
  struct Race {
    Instant key_asked_at{};             // when we last reached for the leader key
    Instant raced_at{};                 // when we last did so because no other member was the better one
    std::optional<Instant> gave_up_at;  // we released the key by ourselves: others go first for a while
    Instant peers_weighed{};            // PeerView answers of that moment have been judged by a race
    Lsn received = 0;                   // a standby's position
    Instant received_at{};              // when that was last seen to move
  };

  // The last answers that a decision has used. On a busy machine a look at the server can take longer than an answer
  // stays fresh. The first decision after an answer uses it all the same; otherwise it would ask again without end.
  struct Answers {
    Instant peers_seen{}, upstream_seen{};
  };

  // Until when this node's PostgreSQL may write; see core/fencing.h.
  struct Fence {
    std::optional<Instant> until;
    Duration length{};  // how long that bound was when it was given: what clocks are off by grows so
    // When our primary, outside pause, began to run without a key on our lease.
    std::optional<Instant> without_leader_key_since;
  };

  // A switchover or failover that was asked for, and the stop that gives the leader key away.
  struct HandOver {
    Revision request = 0;  // of the failover key when we first saw it
    Instant request_seen_at{};
    Revision request_tried = 0;  // of the failover key that we last gave the leader key up for
    std::string why;             // why we stop postgres in order to give the leader key away; empty: we do not
    // Processes of the server do not end, not even by SIGKILL, since the kernel waits for a disk. The lease is not
    // renewed then, and the key goes with it.
    bool by_lease = false;
    bool under_way() const { return !why.empty(); }
  };

  struct Jobs {
    std::uint64_t seen = 0;  // the last job whose outcome has been dealt with
    std::map<JobKind, Retry> backoff;
  };

  // How the local server has fared.
  struct Server {
    std::uint64_t last_up = 0;        // the last job by which postgres came up, as a standby or as the primary
    std::optional<Instant> up_since;  // when that was, until the end of that server has been judged
    std::optional<Instant> stopped_since;
    std::optional<Instant> crashed_at;       // leader: for primary_start_timeout
    std::optional<Instant> shut_down_since;  // our primary has written its shutdown checkpoint, and has not ended
    std::optional<Instant> not_streaming_since;
    Lsn flushed = 0;       // our primary: up to where it has flushed its WAL
    Instant flushed_at{};  // when that was last seen to move, or first seen
  };

  // How the data directory comes into being.
  struct Data {
    bool bootstrapping = false;     // we won `initialize` and have not finished
    bool copy_from_leader = false;  // somebody asked that the next copy be the leader's
  };

  // pg_rewind in this tenure.
  struct Rewind {
    bool done = false;
    bool failed = false;
    std::string error;  // of the last one that failed; empty: it ended well, and did not help
    // The member that was its source. The server needs WAL of that member to become consistent; until then it accepts
    // no connections. Empty: none.
    std::string source;
  };

  // What the operator's callbacks have been told.
  struct Callbacks {
    std::string role;                   // that they know; empty: none yet
    bool start_told = false;            // on_start has been called since postgres came up
    std::string at_start = "on_start";  // or on_restart: what to call once postgres is up
  };

  // Synchronous replication, as the primary.
  struct Sync {
    std::string names_seen;          // synchronous_standby_names as last seen in force
    Instant names_seen_at{};         // when it was first seen so
    std::optional<Lsn> names_since;  // the position from which on all commits wait by them; once that is sure
    Names caught_up;                 // who has reached that position
    std::string names_asked;         // what we last set the parameter to, and when
    Instant names_asked_at{};
    bool wait_told = false;  // of synchronous_mode_strict without a standby
  };

  // What was last written to the DCS, so that nothing is written twice.
  struct Written {
    Instant member_at{};
    Instant status_at{};
    Instant history_at{};
    Timeline checkpoint_for = 0;  // the timeline that we have asked a checkpoint on
  };

  // Replication slots of this node.
  struct Slots {
    bool surveyed = false;          // since postgres started: what was there then is ours to judge
    std::set<std::string> managed;  // found then, or wanted since. One that a client made later is left alone
    std::string asked;              // the last change that was asked for; not again at once when it fails
    Instant asked_at{};
    int tries = 0;  // of that change
    Instant advanced_at{};
    std::map<std::string, std::optional<Xid>> unproven;  // see core/slot_readiness.h
    Instant leader_asked_at{};
    std::map<std::string, Instant> retained;  // of the leader: members' slots, and when their member was last seen
    Revision retained_in = 0;                 // the tenure of that
  };

  Instant born{};  // when this daemon first decided
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
