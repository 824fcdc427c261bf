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

// on: every standby named in /sync has all acknowledged commits. quorum: any `quorum + 1` voters together have them.
enum class SynchronousMode { off, on, quorum };
// What happens with a primary that answers no new connection for a ttl; warn: this is only reported.
enum class PrimaryUnresponsive { off, warn, failover };
// One entry of `slots`: a slot that has to exist on every node where a client may look for it after a failover.
struct PermanentSlot {
  bool physical = true;
  std::string database, plugin;  // of a logical slot
  std::string cluster_type;      // "primary" or "standby": the kind of cluster in which the slot exists; empty: in both
  bool operator==(const PermanentSlot&) const = default;
};

// One entry of `ignore_slots`: slots that other programs manage. An empty member matches every slot.
struct SlotMatcher {
  std::string name, type, database, plugin;
  bool operator==(const SlotMatcher&) const = default;
};

// The section `standby_cluster`: this cluster has a standby leader, which follows a server of another cluster.
struct StandbyCluster {
  std::string host, port;         // an empty host: WAL comes only by restore_command
  std::string primary_slot_name;  // the slot on that server; empty when there is none
  std::vector<std::string> create_replica_methods;
  std::string restore_command, archive_cleanup_command, recovery_min_apply_delay;  // for the standby leader
  bool operator==(const StandbyCluster&) const = default;
};

struct Settings {
  Duration ttl = 30s;
  Duration loop_wait = 10s;
  Duration retry_timeout = 10s;
  Lsn maximum_lag_on_failover = 1048576;
  Duration primary_start_timeout = 300s;  // 0: another member takes over at once when the primary has crashed
  Duration primary_stop_timeout = 0s;     // limit for stopping a primary in synchronous mode, see stop_limit(); 0: no
                                          // limit
  Duration primary_race_backoff = 0s;     // how long standbys that still receive WAL postpone the leader race
  PrimaryUnresponsive primary_unresponsive = PrimaryUnresponsive::failover;
  bool pause = false;
  bool failsafe_mode = false;
  SynchronousMode synchronous_mode = SynchronousMode::off;  // off in a standby cluster
  bool synchronous_mode_strict = false;                     // commits wait while there is no synchronous standby
  int synchronous_node_count = 1;
  std::int64_t maximum_lag_on_syncnode = -1;  // in bytes; a synchronous standby that is further behind is replaced; 0
                                              // or less: never
  bool check_timeline = false;
  int max_timelines_history = 0;
  bool use_slots = true;
  bool use_pg_rewind = false;
  bool remove_data_directory_on_rewind_failure = false;
  bool remove_data_directory_on_diverged_timelines = false;
  Duration member_slots_ttl = 30min;  // how long the slots of vanished members are kept; 0: not at all
  std::map<std::string, PermanentSlot> slots;
  std::vector<SlotMatcher> ignore_slots;
  std::optional<StandbyCluster> standby_cluster;
  Duration former_ttl{};  // the ttl in the copy of the configuration that an earlier run of the daemon left; zero when
                          // there is no copy
  bool replica_without_leader = false;  // whether a replica method of this node works without a leader

  // From the local file:
  bool may_bootstrap = true;      // the file has a section `bootstrap`
  bool custom_bootstrap = false;  // a program of the operator makes the cluster
  Tags tags;
  std::string api_url;    // the URL that this node publishes
  std::string conn_url;   // the URL that this node publishes
  std::string proxy_url;  // of a connection pool; empty when there is none

  bool synchronous() const { return synchronous_mode != SynchronousMode::off; }

  // Whether diverged data are replaced by a fresh copy without a request. As in Patroni, either of the two settings
  // allows it.
  bool replaces_half_rewound() const {
    return remove_data_directory_on_rewind_failure || remove_data_directory_on_diverged_timelines;
  }

  // The limit applies only with synchronous replication, because without it a stop that is cut short may lose WAL that
  // no standby has received yet.
  Duration stop_limit() const { return synchronous() ? primary_stop_timeout : Duration{0}; }

  // How long after the last confirmed renewal a primary must be read-only. A DCS failure shorter than retry_timeout
  // then costs nothing, and one retry_timeout is left for stopping before the lease ends.
  Duration demote_after() const { return std::min(loop_wait + retry_timeout, ttl * 9 / 10); }
  // How long a primary that finds no leader key may try to take it. After that it has to be read-only, because another
  // member may be promoted at any time. Asking a member that does not answer takes up to 2.5 s of this time.
  Duration without_leader_key_for() const { return std::max<Duration>(std::chrono::seconds(3), retry_timeout / 2); }
  // How long this node waits for the members' answers to POST /failsafe.
  Duration failsafe_patience() const { return std::min<Duration>(std::chrono::seconds(2), retry_timeout); }
};

}  // namespace tamada::core
