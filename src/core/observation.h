// The value from which each decision is made.
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
  Lsn lsn = 0;                              // the greater of the received and the replayed position; of a primary its
                                            // current position
  std::optional<TimelineStart> start = {};  // of `timeline`; Patroni's members do not tell it
  bool streaming = false;                   // receives WAL from an upstream
  bool nofailover = false;
  int failover_priority = 1;
  bool cluster_unlocked = false;
  bool disk_stuck = false;  // the member reports that a write to its disk does not end
  // The time between the member's last answer from the DCS and its answer to us; nullopt when that is not known.
  std::optional<Duration> dcs_last_seen_ago = {};

  WalEnd end() const { return {.timeline = timeline, .lsn = lsn, .start = start}; }
  bool answers_as_standby() const { return reachable && running && in_recovery; }
  bool answers_as_primary() const { return reachable && running && !in_recovery; }
};

enum class JobKind { none, bootstrap, basebackup, start, stop, promote, rewind, copy_slots };
std::string_view name(JobKind kind);

enum class JobState { idle, running, succeeded, failed };

// The long operation. There is only one at a time, and a finished one stays visible until the next begins.
struct JobView {
  JobKind kind = JobKind::none;
  JobState state = JobState::idle;
  bool as_primary = false;  // start as a primary, or promote
  std::uint64_t id = 0;     // grows by one for each job of this daemon; 0: no job yet
  Instant started_at{}, ended_at{};
  // For a stop: the instant at which it becomes an immediate stop; nullopt when it may take as long as it needs.
  std::optional<Instant> immediate_at;
  std::string error;                    // why the job failed, for the operator
  std::optional<Instant> cancelled_at;  // when the job was told to end; some jobs need time for that
  // The present step of a job that has several: "checkpoint", "shutdown", "pg_basebackup"; empty when not known.
  std::string step;
  Instant step_since{};
  std::uint64_t bytes_done = 0, bytes_total = 0;  // of that step; total is 0 when it is not known
  bool running() const { return state == JobState::running; }
};

// The lease of this daemon, which its keys `leader` and `members/<name>` are attached to.
struct LeaseView {
  LeaseId id;
  Duration ttl{};                   // as granted
  std::optional<Instant> deadline;  // the sending of the last confirmed renewal, plus ttl; after it this node holds no
                                    // key
  Instant attempted_at{};           // when this daemon last tried to renew the lease
  Instant confirmed_at{};           // when the last confirmed renewal was sent
};

// Whether the DCS answers, and since when.
struct DcsView {
  bool ok = false;  // whether the last request was answered
  Instant last_ok{};
  Instant ok_since{};       // meaningful while ok
  Instant failing_since{};  // meaningful while !ok
  std::string error;
  Duration clock_ahead{};  // how far this host's clock is ahead of the clock of the etcd server that answered; see
                           // core/clock_offset.h
};

// What a possible upstream tells about its timeline on a replication connection (IDENTIFY_SYSTEM, TIMELINE_HISTORY).
struct UpstreamView {
  std::string member;
  bool reachable = false;
  bool in_recovery = true;
  std::string system_identifier;
  Timeline timeline = 0;
  Lsn lsn = 0;
  std::vector<HistoryLine> history;  // of `timeline`; empty on timeline 1
  // Our own history file of the same timeline, if there is one.
  std::optional<std::vector<HistoryLine>> our_history;
  Timeline our_timeline = 0;                         // the timeline on which our WAL ends; 0 when not known
  std::optional<std::vector<HistoryLine>> our_past;  // the history file of that timeline, if it is an older one
  Timeline our_newest = 0;  // the newest timeline of which we have a history file; 0 when there is none
  // Whether the newest timeline of which both servers have WAL began with the same record on both; nullopt when not
  // known.
  std::optional<bool> same_beginning;
  Instant asked_at{};
  std::string error;
  bool slow = false;  // the server accepted the connection, and did not answer in time
};

// What the leader tells about its replication slots, see core/slot_readiness.h.
struct LeaderSlots {
  std::string leader;
  Instant asked_at{};                                       // when the question was sent; zero when none was sent yet
  std::map<std::string, std::optional<Xid>> catalog_xmins;  // of the requested slots that the leader has
};

// Whether the fences work that end a primary whose daemon does not answer any more; see fence/fence.h.
struct FenceView {
  bool usable = true;          // false: this node must not be primary (a required watchdog is missing)
  std::string trouble;         // why the node is not usable as a primary
  std::string unguarded = {};  // why no guard would end a primary whose daemon is frozen; empty when one would, or when
                               // the guard is switched off
  bool guarded = false;        // a guard runs, and ends the server at the end of the lease
};

// A request of POST /restart. Source: Patroni's documentation of that endpoint.
struct RestartRequest {
  std::optional<WallTime> schedule;   // nullopt: at once
  std::string role;                   // restart only while the node has this role; empty: in any role
  int below_version = 0;              // restart only a server older than this version, such as 150002; 0: of any
                                      // version
  bool only_pending = false;          // restart only while a change of parameters waits for it
  std::optional<Duration> timeout;    // the time in which the server has to start; nullopt: primary_start_timeout
  std::string postmaster_start_time;  // of the server at the time of the request; a server that started later has no
                                      // need of it
  std::string json;                   // the whole request, for the member key
};

// What a primary tells about itself when it asks the other members for their consent: the body of POST /failsafe.
struct FailsafeLeader {
  std::string name, conn_url, api_url;
  std::map<std::string, Lsn> slots;
  // How long the primary relies on the consent: its ttl at the time of the question. Zero when it was not told; Patroni
  // does not tell it.
  Duration ttl{};
};

// The state of failsafe mode; see core/failsafe.h. An Instant of zero means never.
struct FailsafeView {
  // ---- this node is the primary and asks the other members
  Instant asked_at{};                    // when the last question was sent
  Instant confirmed_at{};                // when the last question to which all members agreed was sent
  Duration confirmed_for{};              // the ttl that this question contained; zero: the present ttl
  bool refused = false;                  // a member answered the last question and did not agree
  std::string trouble;                   // the members that did not agree to the last question; empty when all agreed
  std::map<std::string, Lsn> positions;  // of the members that agreed
  // ---- another primary asks this node
  // Any consent that this node gave after this instant is shown here: the start of the daemon, or of an earlier run
  // whose consents this run knows.
  Instant known_since{};
  Instant told_at{};
  Duration told_for{};  // the longer of the ttl that the question contained and ours at that time; zero: the present
                        // ttl
  FailsafeLeader leader;
};

// What people asked of this daemon by signal or REST.
struct Requests {
  bool shutdown = false;
  bool reinitialize = false;
  bool reinitialize_by_force = false;     // cancel the operation that runs
  bool reinitialize_from_leader = false;  // copy from the leader, not from a member with the tag clonefrom
  bool reload = false;
  std::optional<RestartRequest> restart;            // at once
  std::optional<RestartRequest> scheduled_restart;  // at its time
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
  std::string set_aside_error;                    // why the last attempt failed; empty when it did not
  std::map<std::string, PeerView> peers;          // of the last poll
  Instant peers_asked_at{}, peers_answered_at{};  // when that poll began and ended; zero when there was none
  LeaderMarks peers_asked_by;                     // the revisions that we saw when the poll began
  // What our own running standby told when the upstream was asked. Between two streams of WAL, SQL does not tell a
  // standby's timeline.
  std::optional<UpstreamView> own_timeline;
  std::optional<UpstreamView> upstream;  // the answer to the last question
  Timeline checkpointed = 0;             // the timeline of our promotion on which a checkpoint has been done
  FailsafeView failsafe;
  bool slots_busy = false;   // the last change of slots has not ended
  LeaderSlots leader_slots;  // the last answer
  Requests requests;
  FenceView fence;
  Retries retries;            // of actions that have failed
  std::uint64_t reloads = 0;  // how often a reload was asked for
  Problems noticed;           // problems that other parts of the daemon report; shown to people, but not used by rules

  bool leader_key_names_us() const { return cluster.leader && cluster.leader->name == self; }
  // According to the last poll. A member whose server does not answer does not count as a standby, because it may be a
  // primary.
  bool answers_as_standby(const std::string& member) const {
    const auto peer = peers.find(member);
    return peer != peers.end() && peer->second.answers_as_standby();
  }

  // The leader key is ours, and hangs on the lease that we have now; that lease may have run out.
  bool leader_key_is_on_our_lease() const {
    return leader_key_names_us() && cluster.leader->lease == lease.id && lease.id;
  }
  // We own the leader key, and our lease has not run out.
  bool holds_leader_key() const { return leader_key_is_on_our_lease() && lease_alive(); }
  // The leader key bears our name but hangs on another lease: a previous run of the daemon took it, or we have a new
  // lease.
  bool leader_key_is_stale() const { return leader_key_names_us() && cluster.leader->lease != lease.id; }
  bool lease_alive() const { return lease.id && lease.deadline && now < *lease.deadline; }

  // The DCS shows no leader, or does not answer, and this standby has consented that another member goes on as the
  // primary; see core/failsafe.h.
  bool follows_by_consent() const;
  // The member that a standby here follows: the holder of the leader key, or, if there is none, the primary that goes
  // on by our consent. Empty when there is neither.
  std::string_view presumed_primary() const;
  const Member* presumed_primary_member() const { return cluster.member(presumed_primary()); }
  bool another_is_presumed_primary() const { return !presumed_primary().empty() && presumed_primary() != self; }
};

}  // namespace tamada::core
