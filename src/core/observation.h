// The one value that a decision is made from.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cluster_view.h"
#include "core/postgres_view.h"
#include "core/problem.h"
#include "core/retries.h"
#include "core/settings.h"
#include "core/types.h"

namespace tamada::core {

// Another member's answer to GET /patroni, or the fact that it gave none.
struct PeerView {
  std::string name;
  bool reachable = false;
  bool in_recovery = true;
  bool running = false;
  Timeline timeline = 0;
  Lsn lsn = 0;                              // greater of received and replayed; a primary: its position
  std::optional<TimelineStart> start = {};  // of that timeline; Patroni's members do not tell
  bool streaming = false;                   // receives WAL from somebody
  bool nofailover = false;
  int failover_priority = 1;
  bool cluster_unlocked = false;
  bool disk_stuck = false;         // it tells that a write does not end
  std::int64_t dcs_last_seen = 0;  // Unix seconds, by the peer's clock; 0: not told

  WalEnd end() const { return {.timeline = timeline, .lsn = lsn, .start = start}; }
  bool answers_as_standby() const { return reachable && running && in_recovery; }
  bool answers_as_primary() const { return reachable && running && !in_recovery; }
};

enum class JobKind { none, bootstrap, basebackup, start, stop, promote, rewind, copy_slots };
std::string_view name(JobKind kind);

enum class JobState { idle, running, succeeded, failed };

// The long operation, of which there is one at a time. A finished one stays visible until the next begins.
struct JobView {
  JobKind kind = JobKind::none;
  JobState state = JobState::idle;
  bool as_primary = false;  // start: not as a standby; promote
  std::uint64_t id = 0;     // grows by one for each job of this daemon; 0: none yet
  Instant started_at{}, ended_at{};
  // For a stop: the instant at which it becomes an immediate stop; nullopt: it may take as long as it needs.
  std::optional<Instant> immediate_at;
  std::string error;                    // failed: why, for the operator
  std::optional<Instant> cancelled_at;  // it was told to end; some take their time for that
  // The last step of a job that has several: "checkpoint", "shutdown", "pg_basebackup"; empty: not told.
  std::string step;
  Instant step_since{};
  std::uint64_t bytes_done = 0, bytes_total = 0;  // of that step; total 0: unknown
  bool running() const { return state == JobState::running; }
};

// The lease of this daemon, which its keys `leader` and `members/<name>` are attached to.
struct LeaseView {
  LeaseId id;
  Duration ttl{};                   // as granted
  std::optional<Instant> deadline;  // when the last confirmed renewal was sent, plus ttl. After it we hold no key
  Instant attempted_at{};           // when renewal was last tried
  Instant confirmed_at{};           // when the last confirmed renewal was sent
};

// Whether the DCS answers, and since when.
struct DcsView {
  bool ok = false;  // the last request was answered
  Instant last_ok{};
  Instant ok_since{};       // meaningful while ok
  Instant failing_since{};  // meaningful while !ok
  std::string error;
  Duration clock_ahead{};  // this host's clock, of that of the server that answered; see core/clock_offset.h
};

// What a possible upstream told about its timeline, on a replication connection (IDENTIFY_SYSTEM, TIMELINE_HISTORY).
struct UpstreamView {
  std::string member;
  bool reachable = false;
  bool in_recovery = true;
  std::string system_identifier;
  Timeline timeline = 0;
  Lsn lsn = 0;
  std::vector<HistoryLine> history;  // of `timeline`; empty on timeline 1
  // Our own history file of the same timeline, if there is one; and that of the older timeline on which our WAL ends.
  std::optional<std::vector<HistoryLine>> our_history;
  Timeline our_timeline = 0;  // that our WAL ends on; 0: not known
  std::optional<std::vector<HistoryLine>> our_past;
  Timeline our_newest = 0;  // the newest timeline that we have a history file of; 0: none
  // Whether the newest timeline that both servers have WAL of began with the same record on both; nullopt: not known.
  std::optional<bool> same_beginning;
  Instant asked_at{};
  std::string error;
};

// What the leader tells about its replication slots, see core/slot_readiness.h.
struct LeaderSlots {
  std::string leader;
  Instant asked_at{};                                       // when the question was sent; zero: never
  std::map<std::string, std::optional<Xid>> catalog_xmins;  // of those that it has
};

// Whether the fences work that would end a primary whose daemon does not answer any more; see fence/fence.h.
struct FenceView {
  bool usable = true;          // false: this node must not be primary (a required watchdog is missing)
  std::string trouble;         // why not
  std::string unguarded = {};  // why no guard would end a primary whose daemon is frozen; empty: one would, or is off
  bool guarded = false;        // a guard runs, and ends the server at the end of the lease
};

// POST /restart. Source: Patroni's documentation of that endpoint.
struct RestartRequest {
  std::optional<WallTime> schedule;   // nullopt: now
  std::string role;                   // only while this is the role; empty: any
  int below_version = 0;              // only a server older than this, 150002; 0: any
  bool only_pending = false;          // only while a change of parameters waits for a restart
  std::optional<Duration> timeout;    // to start within, in place of primary_start_timeout
  std::string postmaster_start_time;  // when it was asked: a server that started later needs it no more
  std::string json;                   // all of it, for the member key
};

// What a primary tells about itself when it asks the others for their consent: the body of POST /failsafe.
struct FailsafeLeader {
  std::string name, conn_url, api_url;
  std::map<std::string, Lsn> slots;
  // How long it counts on the consent: its ttl at the time of the question. Zero: not told, as by Patroni.
  Duration ttl{};
};

// Failsafe mode, see core/failsafe.h. Instants of zero: never.
struct FailsafeView {
  // ---- this node is the primary and asks the others
  Instant asked_at{};                    // when the last one was sent
  Instant confirmed_at{};                // when the last one that everybody agreed to was sent
  Duration confirmed_for{};              // the ttl that it was sent with; zero: the ttl of now
  bool refused = false;                  // somebody answered the last one, and did not agree
  std::string trouble;                   // who did not agree to the last one; empty: everybody did
  std::map<std::string, Lsn> positions;  // of those who agreed to it
  // ---- another primary asks this node
  Instant told_at{};
  Duration told_for{};  // the longer of the ttl that it was asked with and ours at that time; zero: the ttl of now
  FailsafeLeader leader;
};

// What people asked of this daemon by signal or REST.
struct Requests {
  bool shutdown = false;
  bool reinitialize = false;
  bool reinitialize_by_force = false;     // cancel what stands in its way
  bool reinitialize_from_leader = false;  // not from another member that is tagged clonefrom
  bool reload = false;
  std::optional<RestartRequest> restart;            // now
  std::optional<RestartRequest> scheduled_restart;  // later
};

struct Observation {
  Instant now{};
  WallTime wall{};
  std::string self;  // this member's name
  Settings settings;
  ClusterView cluster;
  DcsView dcs;
  LeaseView lease;
  PostgresView postgres;
  JobView job;
  std::string set_aside_error;                    // why the last attempt failed; empty: it did not
  std::map<std::string, PeerView> peers;          // of the last poll
  Instant peers_asked_at{}, peers_answered_at{};  // when that poll began and ended; zero: never
  LeaderMarks peers_asked_by;                     // what we saw when it began
  // What our own running standby told when the upstream was asked: between two streams SQL does not tell its timeline.
  std::optional<UpstreamView> own_timeline;
  std::optional<UpstreamView> upstream;  // of the last question
  Timeline checkpointed = 0;             // the timeline of our promotion on which a checkpoint has been done
  FailsafeView failsafe;
  bool slots_busy = false;   // the last change of slots has not ended
  LeaderSlots leader_slots;  // the last answer
  Requests requests;
  FenceView fence;
  Retries retries;   // of actions that fail
  Problems noticed;  // by other parts of the daemon; for people only, see core/problems.h

  bool leader_key_names_us() const { return cluster.leader && cluster.leader->name == self; }
  // According to the last poll. A member whose server does not answer counts as no standby: it may be a primary.
  bool answers_as_standby(const std::string& member) const {
    const auto peer = peers.find(member);
    return peer != peers.end() && peer->second.answers_as_standby();
  }

  // The leader key is ours, taken on the lease that we have now; that lease may have run out.
  bool leader_key_is_on_our_lease() const {
    return leader_key_names_us() && cluster.leader->lease == lease.id && lease.id;
  }
  // We own the leader key, and our lease has not run out.
  bool holds_leader_key() const { return leader_key_is_on_our_lease() && lease_alive(); }
  // The leader key bears our name but hangs on another lease: a previous run of the daemon took it, or we have a new
  // lease.
  bool leader_key_is_stale() const { return leader_key_names_us() && cluster.leader->lease != lease.id; }
  bool lease_alive() const { return lease.id && lease.deadline && now < *lease.deadline; }

  // The DCS tells of no leader, or nothing at all, and this standby has consented to another member's going on as the
  // primary; see core/failsafe.h.
  bool follows_by_consent() const;
  // The member that a standby here follows: the holder of the leader key; while there is none, the primary that goes on
  // by our consent. Empty: nobody.
  std::string_view presumed_primary() const;
  const Member* presumed_primary_member() const { return cluster.member(presumed_primary()); }
  bool another_is_presumed_primary() const { return !presumed_primary().empty() && presumed_primary() != self; }
};

}  // namespace tamada::core
