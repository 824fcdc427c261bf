// Everything under the cluster's prefix in the DCS, typed, with the revisions that fenced writes compare.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/tags.h"
#include "core/timelines.h"
#include "core/types.h"

namespace tamada::core {

// How far a member has come with copying a cluster.
struct CopyProgress {
  std::string what;                               // "pg_basebackup"
  std::uint64_t bytes_done = 0, bytes_total = 0;  // total 0: unknown yet
  std::uint64_t bytes_per_s = 0;                  // on average since the beginning
  std::optional<std::int64_t> seconds_left;       // at that rate
  bool operator==(const CopyProgress&) const = default;
};

// One member's key `members/<name>`. Strings stay as other programs wrote them: Patroni 3.0.2 says role "master".
struct Member {
  std::string name;
  std::string conn_url;           // postgres://host:port/database
  std::string host;               // of conn_url
  std::string port;               // of conn_url
  std::string api_url;            // http://host:port/patroni
  std::string proxy_url;          // of a connection pool beside the server: postgres://host:port/database
  std::string state;              // "running", "streaming" (older), "stopped", "creating replica" ...
  std::string role;               // primary, replica, standby_leader, demoted; "master" from older members
  std::string version;            // of the daemon that wrote the key
  std::string replication_state;  // "streaming", "in archive recovery", empty
  std::optional<Lsn> xlog_location;
  std::optional<Lsn> receive_lsn;
  std::optional<Lsn> replay_lsn;
  std::optional<Timeline> timeline;
  Tags tags;
  bool pause = false;
  bool checkpoint_pending = false;  // it was promoted and has made no checkpoint since, so pg_rewind against it has to
                                    // wait
  bool pending_restart = false;
  std::string pending_restart_reason_json;  // an object, as text; empty when absent
  std::string scheduled_restart_json;       // an object, as text; empty when absent
  std::optional<CopyProgress> copy;  // an addition to Patroni's key; present only while this member is being copied
  std::string trouble;               // an addition, too: what this member waits for, or what it fails to do
  Revision revision = 0;
  LeaseId lease;

  bool running() const { return state == "running" || state == "streaming" || state == "in archive recovery"; }
  bool is_primary_role() const { return role == "primary" || role == "master"; }
};

// The key `leader`: who may run a primary, for as long as the lease behind it lives.
struct Leader {
  std::string name;
  Revision revision = 0;         // mod_revision
  Revision create_revision = 0;  // tells one tenure from the next
  LeaseId lease;
};

// The key `failover`: a switchover (leader named) or a manual failover (no leader) that somebody asked for.
struct FailoverRequest {
  std::string leader;
  std::string candidate;  // empty: any healthy member
  std::optional<WallTime> scheduled_at;
  Revision revision = 0;
  // The operator has made sure that the members which do not answer are stopped. An addition, Patroni ignores it.
  bool force = false;

  bool is_switchover() const { return !leader.empty(); }
};

// One line of the key `history`: a timeline that ended, and where.
struct HistoryLine {
  Timeline timeline = 0;
  Lsn lsn = 0;
  std::string reason;
  std::string timestamp;   // ISO 8601; empty in lines that came from PostgreSQL's own history file
  std::string new_leader;  // empty as above
  bool operator==(const HistoryLine&) const = default;
};

// The key `status`: what the leader last told about itself.
struct Status {
  std::optional<Lsn> optime;
  std::map<std::string, Lsn> slots;
  std::vector<std::string> retain_slots;
  Revision revision = 0;
  std::optional<TimelineStart> timeline = {};  // the timeline of optime; an addition that Patroni does not write
  // Recent members, and the time at which the leader first missed each of them, in Unix seconds; 0 while it is present.
  // An addition to Patroni's key, too.
  std::map<std::string, std::int64_t> members = {};
};

// The key `sync`.
struct SyncState {
  std::string leader;
  std::vector<std::string> standbys;
  int quorum = 0;
  Revision revision = 0;
  // Identity of the timeline on which commits are acknowledged by this key. An addition: Patroni does not write it.
  std::optional<TimelineStart> timeline = {};
};

// Revisions of the keys that every leader writes. They show that a leader came and went, even if nobody saw its key.
struct LeaderMarks {
  Revision sync = 0, status = 0;  // 0: there is no such key
  bool operator==(const LeaderMarks&) const = default;
};

struct ClusterView {
  bool loaded = false;                    // false until the DCS has answered once since the daemon's start
  Revision revision = 0;                  // of the DCS: all changes up to this one are in the view
  std::optional<std::string> initialize;  // system identifier; empty while a member bootstraps
  Revision initialize_revision = 0;
  LeaseId initialize_lease;
  std::optional<std::string> config_json;
  Revision config_revision = 0;
  std::optional<Leader> leader;
  // There is no leader, and the last one gave the key up when its server had stopped: it wrote its last position in the
  // same transaction. False when the key ended with its lease, was deleted by somebody else, or was gone before we
  // read.
  bool given_up_by_stopped_leader = false;
  std::map<std::string, Member> members;
  std::optional<FailoverRequest> failover;
  Revision failover_revision = 0;  // of the key, even if its value is {}, which Patroni writes to end a request
  std::optional<std::vector<HistoryLine>> history;
  Revision history_revision = 0;
  std::optional<Status> status;
  std::optional<SyncState> sync;
  std::optional<std::map<std::string, std::string>> failsafe;  // name -> api_url

  const Member* member(std::string_view name) const {
    const auto it = members.find(std::string(name));
    return it == members.end() ? nullptr : &it->second;
  }
  const Member* leader_member() const { return leader ? member(leader->name) : nullptr; }
  // The timeline for which the last leader wrote the history.
  Timeline last_timeline() const { return history && !history->empty() ? history->back().timeline + 1 : 1; }
  LeaderMarks leader_marks() const {
    return {.sync = sync ? sync->revision : 0, .status = status ? status->revision : 0};
  }
  // An operator's failover names the member.
  bool failover_to(std::string_view name) const {
    return failover && !failover->is_switchover() && failover->candidate == name;
  }
  // The operator also says that the members which do not answer are stopped.
  bool forced_failover_to(std::string_view name) const { return failover_to(name) && failover->force; }
  // "Unlocked" in Patroni's words.
  bool unlocked() const { return !leader || leader->name.empty(); }
};

}  // namespace tamada::core
