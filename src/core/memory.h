// All that survives from one decision to the next. A value: copy it, compare it, print it.
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
  Instant born{};  // when this daemon first decided

  // ---- the cluster
  // Who belonged to the cluster when there last was a leader, and who has come since: whom to ask in a race, though
  // their keys were wiped or expired with the lease. Until this run has seen a leader, as a former one noted it on
  // disk.
  std::map<std::string, Member> electorate;
  Instant member_until{};  // the end of our lease, when we last saw a leader and our member key; see core/lost_keys.h
  std::optional<Instant> unlocked_since;  // when we first saw that there is no leader, or that one came and went
  LeaderMarks unlocked_marks;             // what was in the DCS then
  std::optional<Instant>
      without_leader_key_since;   // when our primary, outside pause, began to run without a key on our lease
  Revision tenure = 0;            // create_revision of the leader key that the rewind state belongs to
  Instant tenure_since{};         // when we first saw that leader key
  Revision request_revision = 0;  // of the failover key when we first saw it
  Instant request_seen_at{};
  Revision request_tried = 0;  // of the failover key that we last gave the leader key up for
  Instant primary_seen_at{};   // when another last answered as a primary, there being no leader key
  Instant key_asked_at{};      // when we last reached for the leader key
  Instant raced_at{};          // when we last did so because no other member was the better one
  std::string last_leader;     // who held the key before it became free; empty: not known
  Lsn received = 0;            // a standby's position
  Instant received_at{};       // when that was last seen to move
  Instant peers_weighed{};     // PeerView answers of that moment have been judged by a race
  // The last answers that a decision has used. On a busy machine a look at the server can take longer than an answer
  // stays fresh. The first decision after an answer uses it all the same; otherwise it would ask again without end.
  Instant peers_seen{}, upstream_seen{};

  // ---- jobs
  std::uint64_t job_seen = 0;  // the last job whose outcome has been dealt with
  std::map<JobKind, Retry> backoff;
  std::uint64_t last_up = 0;        // the last job by which postgres came up, as a standby or as the primary
  std::optional<Instant> up_since;  // when that was, until the end of that server has been judged

  // ---- stopping, starting and promoting this server
  bool copy_from_leader = false;  // somebody asked that the next copy be the leader's
  bool bootstrapping = false;     // we won `initialize` and have not finished
  bool rewound = false;           // in this tenure
  // The member that pg_rewind used as its source. The server needs WAL of that member to become consistent; until then
  // it accepts no connections. Empty: none.
  std::string rewound_to;
  bool rewind_failed = false;  // in this tenure
  std::string rewind_error;    // of the last pg_rewind that failed; empty: it ended well, and did not help
  std::optional<Instant> not_streaming_since;
  std::optional<Instant> stopped_since;
  std::optional<Instant> crashed_at;       // leader: for primary_start_timeout
  std::optional<Instant> shut_down_since;  // our primary has written its shutdown checkpoint, and has not ended
  std::string handing_over;  // why we stop postgres in order to give the leader key away; empty: we do not
  std::optional<Restarting> restarting;
  std::optional<Instant> gave_up_at;    // we released the key by ourselves: others go first for a while
  std::optional<Instant> fenced_until;  // see core/fencing.h
  Duration fenced_for{};                // how long that bound was when it was given: what clocks are off by grows so
  std::string role_told;                // the role that the callbacks know; empty: none yet
  bool start_told = false;              // on_start has been called since postgres came up
  std::string start_callback = "on_start";  // or on_restart: what to call once postgres is up

  // ---- synchronous replication, as the primary
  std::string sync_names_seen;          // synchronous_standby_names as last seen in force
  Instant sync_names_seen_at{};         // when it was first seen so
  std::optional<Lsn> sync_names_since;  // the position from which on all commits wait by them; once that is sure
  Names sync_caught_up;                 // who has reached that position
  std::string sync_names_asked;         // what we last set the parameter to, and when
  Instant sync_names_asked_at{};
  bool sync_wait_told = false;  // of synchronous_mode_strict without a standby

  // ---- what was last written to the DCS, so that nothing is written twice
  Instant member_published_at{};
  Instant status_written_at{};
  Instant history_written_at{};
  Timeline checkpoint_for = 0;  // the timeline that we have asked a checkpoint on

  // ---- replication slots
  bool slots_surveyed = false;          // since postgres started: what was there then is ours to judge
  std::set<std::string> slots_managed;  // found then, or wanted since. One that a client made later is left alone
  std::string slots_asked;              // the last change that was asked for; not again at once when it fails
  Instant slots_asked_at{};
  int slots_tries = 0;  // of that change
  Instant slots_advanced_at{};
  std::map<std::string, std::optional<Xid>> slots_unproven;  // see core/slot_readiness.h
  Instant leader_slots_asked_at{};
  std::map<std::string, Instant> slots_retained;  // of the leader: members' slots, and when their member was last seen
  Revision slots_retained_in = 0;                 // the tenure of that
};

}  // namespace tamada::core
