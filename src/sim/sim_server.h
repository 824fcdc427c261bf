// The simulated PostgreSQL of one node: its disk and its postmaster. It outlives the daemon, which controls it through
// SimPostgres.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/action.h"
#include "core/postgres_view.h"
#include "core/sync_names.h"
#include "sim/archive.h"
#include "sim/network.h"
#include "sim/scheduler.h"
#include "sim/trace.h"
#include "sim/wal.h"

namespace tamada::sim {

class SimServer;

// The parts that all servers share.
struct Machines {
  Scheduler& scheduler;
  Random& random;
  Network& network;
  Trace& trace;
  Wal& wal;
  Archive archive = {};
  bool faults = false;    // operations may fail by chance
  bool checksums = true;  // a new cluster has checksums, without which pg_rewind does not work
  std::vector<SimServer*> servers = {};
  // Callbacks of the checker.
  std::function<void(SimServer&)> on_new_primary = nullptr;  // promoted, bootstrapped
  std::function<void(SimServer&)> on_role_change = nullptr;  // began or ceased to take writes
  std::function<void(SimServer&, std::string)> on_corruption = nullptr;
  // Called when a daemon is killed, or its machine loses power, at this very step.
  std::function<void(int node)> on_cut_off = nullptr;
  // Called when a client is told that its commit at this position is done.
  std::function<void(SimServer&, Lsn)> on_acknowledged = nullptr;
};

class SimServer {
 public:
  SimServer(Machines& machines, int node, std::string name) : m_(machines), node_(node), name_(std::move(name)) {}

  // ---- the disk
  core::DataDirectory directory = core::DataDirectory::absent;
  core::ControlFile control;
  Position end;  // the end of the WAL on disk
  bool standby_signal = false;
  bool copy_follows = false;                     // the same as in PostgresView
  std::optional<core::Upstream> following;       // the setting that the server uses
  std::optional<core::Upstream> following_file;  // the setting in the server's files
  std::string sync_names_file;
  bool promote_file = false;  // the server may read the file at any time
  bool half_rewound = false;  // the true state, whatever the marks in the data directory say
  std::map<std::string, Lsn> slots;
  std::string sync_names;        // synchronous_standby_names, as SHOW prints it
  Timeline newest_timeline = 0;  // the newest of the history files in pg_wal
  Lsn kept_from = 0;             // WAL before this position has been removed
  bool keeps_all_wal = false;    // it needs no slots for its standbys
  bool disk_full = false;
  bool stuck = false;  // the disk completes no write: connections are answered, nothing is flushed, and killed
                       // processes do not end
  void unstick();
  Time ends_soon_until{};                    // until then the primary ends soon after each start
  Time no_rename_until{};                    // until then the data directory cannot be renamed
  std::map<std::string, std::string> files;  // the daemon's files in the data directory
  void wipe();
  // A loss of power: the disk keeps its contents except what was written without fsync in the last half minute.
  void lose_power();
  // Registers how to undo a write that a known bug made without fsync.
  void not_synced(Work undo) { not_synced_.emplace_back(m_.scheduler.now(), std::move(undo)); }
  void drop_idle_slots();
  void remove_wal();  // all that a checkpoint may remove, including WAL that slots need, as with max_slot_wal_keep_size

  // ---- the postmaster
  core::ProcessState process = core::ProcessState::stopped;
  bool recovery = false;
  bool hung = false;  // the server answers and acknowledges nothing
  bool deaf = false;  // only the postmaster hangs: earlier connections work, but new ones are not accepted
  Time running_since{}, received_at{};
  bool streaming = false;  // this standby is connected to its upstream
  std::function<void(bool asked)> on_exit;

  void start(bool as_standby);     // returns at once; later the process is running, or stopped again
  void stop(core::StopMode mode);  // returns at once
  void crash();                    // kill -9 of all its processes
  void begin_promotion();
  bool promoting() const { return promoting_; }
  void checkpoint();
  void follow(std::optional<core::Upstream> upstream);
  // Does crash recovery in single-user mode, and shuts the server down.
  void shut_down_alone();
  // Makes a new primary, as initdb does.
  void initialize(std::string system_identifier);
  // A standby that nothing here knows takes this server's place under its address. It may lack the last WAL.
  void replaced_by_its_standby();

  // ---- writing by clients
  bool writable() const;
  void commit(Lsn bytes);  // the commit is acknowledged at once, later, or never
  // SHOW prints the new names at once. The WAL senders use them a moment later, because a reload reaches them one by
  // one, and whether commits wait at all changes when the checkpointer has read its configuration again.
  void set_sync_names(std::string names);
  bool commits_wait() const { return commits_wait_; }
  std::vector<core::ReplicationConnection> replication() const;  // pg_stat_replication

  // ---- the node
  void freeze();
  void thaw();
  bool frozen() const { return frozen_; }
  bool answers() const { return process == core::ProcessState::running && !hung && !killed_ && !frozen_; }
  bool killed() const { return killed_; }
  bool lets_in() const { return answers() && !deaf; }
  // Returns when process, role or position has changed.
  awaitable<void> changed(Life& life, Time until);
  void notify();
  int node() const { return node_; }
  const std::string& name() const { return name_; }
  Timeline timeline() const { return m_.wal.timeline(end); }
  std::optional<int> upstream() const;
  bool recover_to_the_newest();  // false: the server does not start
  bool replays_archived() const { return !following || following->target_timeline == 0; }  // newer timelines, too
  Machines& machines() { return m_; }
  Duration lag{};      // how much later it gets what it receives
  Duration busy{};     // on a busy machine the daemon's requests take up to this much longer
  double trouble = 0;  // the share of the daemon's steps on this server that fail or are cut off

  // Why WAL from our position on cannot be streamed from `source`; empty when it can.
  std::string cannot_stream_from(const SimServer& source) const;
  bool needs_removed_wal(const SimServer& source) const { return end.lsn < source.kept_from; }

 private:
  // The work is dropped if the postmaster ends before, and delayed while the node is frozen.
  void after(Duration delay, Work work);
  void become(core::ProcessState state);
  void ready();
  void ended(bool asked);
  void killed_in_vain();
  void end_soon();
  void finish_stop(Duration takes, bool was_starting, bool standby);
  void shutdown_primary();
  void wait_for_standbys(Time until);
  void promoted();
  void connect();
  void restore();
  void archive_from_now_on();
  void disconnected();
  void send_to(SimServer& standby);
  void receive(Position position, std::uint64_t connection);
  void confirm();
  bool streams_to(const SimServer& other) const { return other.streaming && other.upstream() == node_; }
  bool waits_for(const SimServer& standby) const;
  Lsn confirmed_by_standbys() const;
  void release_commits();
  void told(std::string_view what);

  Machines& m_;
  int node_;
  std::string name_;
  std::uint64_t life_ = 0;        // the number of the postmaster's life
  std::uint64_t connection_ = 0;  // the number of the WAL receiver's connection
  Time last_arrival_{};
  Time blocked_since_{};
  Lsn sent_ = 0;
  Lsn confirmed_ = 0;                // the position that was confirmed to the upstream
  core::SyncNames acknowledged_by_;  // the names that the WAL senders use at present
  bool commits_wait_ = false;        // the flag that the checkpointer sets (PostgreSQL, syncrep.c)
  std::vector<Lsn> unacknowledged_;  // commits whose clients wait
  bool retry_ = false, connecting_ = false, confirming_ = false;
  bool asked_to_stop_ = false, promoting_ = false, frozen_ = false, was_writable_ = false;
  bool killed_ = false;  // it was killed, but its processes wait in the kernel for the disk
  std::vector<Work> held_;
  std::vector<std::pair<Time, Work>> not_synced_;
  std::vector<std::weak_ptr<Parked>> waiting_;
};

}  // namespace tamada::sim
