// The part of the configuration that decisions depend on.
// Source of names and defaults: Patroni's documentation, "Dynamic Configuration Settings".
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/tags.h"
#include "core/types.h"

namespace tamada::core {

// on: every standby named in /sync has all acknowledged commits; quorum: any `quorum + 1` voters together have.
enum class SynchronousMode { off, on, quorum };
// What becomes of a primary that answers no new connection for a ttl; warn: it is only told.
enum class PrimaryUnresponsive { off, warn, failover };
// One entry of `slots`: it shall exist wherever a client may look for it after a failover.
struct PermanentSlot {
  bool physical = true;
  std::string database, plugin;  // of a logical one
  std::string cluster_type;      // "primary" or "standby": only in such a cluster; empty: in both
  bool operator==(const PermanentSlot&) const = default;
};

// One entry of `ignore_slots`: a slot that is somebody else's. What is empty fits all.
struct SlotMatcher {
  std::string name, type, database, plugin;
  bool operator==(const SlotMatcher&) const = default;
};

// The section `standby_cluster`: this cluster follows a server of another one, and has a standby leader.
struct StandbyCluster {
  std::string host, port;         // empty host: only by restore_command
  std::string primary_slot_name;  // on that server; empty: none
  std::vector<std::string> create_replica_methods;
  std::string restore_command, archive_cleanup_command, recovery_min_apply_delay;  // of the standby leader
  bool operator==(const StandbyCluster&) const = default;
};

struct Settings {
  Duration ttl = 30s;
  Duration loop_wait = 10s;
  Duration retry_timeout = 10s;
  Lsn maximum_lag_on_failover = 1048576;
  Duration primary_start_timeout = 300s;  // 0: fail over at once when the primary crashed
  Duration primary_stop_timeout = 0s;     // of stopping a primary in synchronous mode, see stop_limit(); 0: no limit
  Duration primary_race_backoff = 0s;     // standbys that still receive WAL put the leader race off for as long
  PrimaryUnresponsive primary_unresponsive = PrimaryUnresponsive::failover;
  bool pause = false;
  bool failsafe_mode = false;
  SynchronousMode synchronous_mode = SynchronousMode::off;  // off in a standby cluster
  bool synchronous_mode_strict = false;                     // without a synchronous standby commits wait
  int synchronous_node_count = 1;
  std::int64_t maximum_lag_on_syncnode = -1;  // bytes; a standby further behind is replaced; 0 or less: never
  bool check_timeline = false;
  int max_timelines_history = 0;
  bool use_slots = true;
  bool use_pg_rewind = false;
  bool remove_data_directory_on_rewind_failure = false;
  bool remove_data_directory_on_diverged_timelines = false;
  Duration member_slots_ttl = 30min;  // the slots of vanished members are kept that long; 0: not at all
  std::map<std::string, PermanentSlot> slots;
  std::vector<SlotMatcher> ignore_slots;
  std::optional<StandbyCluster> standby_cluster;
  Duration former_ttl{};  // of the copy of the configuration that a former run of the daemon left; zero: there is none
  bool replica_without_leader = false;  // a replica method of this node's needs none

  // Of the local file.
  bool may_bootstrap = true;      // it has a section `bootstrap`
  bool custom_bootstrap = false;  // a program of the operator's makes the cluster
  Tags tags;
  std::string api_url;    // what we publish
  std::string conn_url;   // what we publish
  std::string proxy_url;  // of a connection pool; empty: none

  bool synchronous() const { return synchronous_mode != SynchronousMode::off; }

  // Replace diverged data by a fresh copy without being asked. As in Patroni either of the two settings allows it.
  bool replaces_half_rewound() const {
    return remove_data_directory_on_rewind_failure || remove_data_directory_on_diverged_timelines;
  }

  // Without synchronous replication a stop that is cut short may lose what no standby has received yet.
  Duration stop_limit() const { return synchronous() ? primary_stop_timeout : Duration{0}; }

  // The instant by which an unrenewed primary must be read-only is this long after the last confirmed renewal: DCS
  // troubles shorter than retry_timeout cost nothing, and one retry_timeout is left for stopping before the lease ends.
  Duration demote_after() const { return std::min(loop_wait + retry_timeout, ttl * 9 / 10); }
  // How long a primary that finds no leader key may try to take it; after that it is read-only, since others may be
  // promoted at any time. Asking a member that does not answer takes up to 2.5 s of this time.
  Duration without_leader_key_for() const { return std::max<Duration>(std::chrono::seconds(3), retry_timeout / 2); }
  // How long the members' answers to POST /failsafe are waited for.
  Duration failsafe_patience() const { return std::min<Duration>(std::chrono::seconds(2), retry_timeout); }
};

}  // namespace tamada::core
