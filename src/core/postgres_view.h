// What is known about the local PostgreSQL. What is not known is std::nullopt, never a guess.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/problem.h"
#include "core/timelines.h"
#include "core/types.h"

namespace tamada::core {

enum class DataDirectory {
  absent,        // missing or empty
  valid,         // holds a cluster that pg_controldata can read; a stopped one without `control`: not read yet
  incomplete,    // a copy or an initdb that this program began and did not finish; no copy of anything
  half_rewound,  // pg_rewind has begun to change a cluster, and did not finish
  unusable,      // not empty, and not a cluster: somebody else's files, or a damaged one
};

enum class ProcessState {
  stopped,
  starting,  // a postmaster is there; it does not accept connections yet (it may be in crash recovery)
  running,   // accepts connections
  stopping,
  unresponsive,  // a postmaster is there, and our query had no answer in time
};

// pg_controldata's "Database cluster state".
enum class ControlState {
  unknown,
  starting_up,
  shut_down,
  shut_down_in_recovery,
  shutting_down,
  in_crash_recovery,
  in_archive_recovery,
  in_production,
};

struct ControlFile {
  std::string system_identifier;
  ControlState state = ControlState::unknown;
  Timeline timeline = 0;  // of the latest checkpoint
  Lsn checkpoint = 0;     // start of the latest checkpoint's record
  Lsn redo = 0;           // where recovery would begin
  Lsn min_recovery_end = 0;
  Timeline min_recovery_timeline = 0;
  bool data_checksums = false;
  bool wal_log_hints = false;

  // Whether the last run was as a primary (and so may have written WAL that nobody else has).
  bool was_primary() const {
    return state == ControlState::in_production || state == ControlState::shut_down ||
           state == ControlState::shutting_down || state == ControlState::in_crash_recovery ||
           state == ControlState::starting_up;
  }
  bool shut_down_cleanly() const {
    return state == ControlState::shut_down || state == ControlState::shut_down_in_recovery;
  }
};

// One row of pg_stat_replication, as /patroni shows it.
struct ReplicationConnection {
  std::string usename, application_name, client_addr, state, sync_state;
  int sync_priority = 0;
  std::optional<Lsn> flush_lsn;
  std::optional<Lsn> sync_lsn;  // written, flushed or replayed, as synchronous_commit asks for
  bool operator==(const ReplicationConnection&) const = default;
};

// A row of pg_replication_slots. Temporary slots are their owners' business and left out.
struct SlotView {
  std::string name;
  bool physical = true;
  bool active = false;
  std::optional<Lsn> restart_lsn;          // physical: what the slot keeps; logical: confirmed_flush_lsn
  std::string database = {}, plugin = {};  // of a logical one
  std::optional<Xid> catalog_xmin = {};    // catalog rows that later transactions removed are kept
  bool holds_xmin = false;                 // physical: a standby's feedback keeps old rows alive through it
  bool lost = false;                       // wal_status: the WAL that it should have kept is gone
  bool failover = false;                   // 17 and later: PostgreSQL itself copies it to standbys
  std::optional<Lsn> keeps_from = {};      // pg_replication_slots.restart_lsn: the first WAL that it keeps
};

// What SQL told; present only while the server answers.
struct SqlView {
  bool in_recovery = false;
  Timeline timeline = 0;
  Timelines timelines = {};  // up to that one; empty: timeline 1, or not known
  Lsn wal_lsn = 0;           // primary: pg_current_wal_flush_lsn; replica: the greater of received and replayed
  std::optional<Lsn> receive_lsn, replay_lsn;
  std::optional<Lsn> latest_end_lsn;  // where the upstream's WAL ends, as it last told the WAL receiver
  std::string replay_timestamp;       // as /patroni prints it; empty: null
  bool replay_paused = false;
  std::string replication_state;      // "streaming", "in archive recovery", empty
  std::string postmaster_start_time;  // as /patroni prints it
  std::vector<ReplicationConnection> replication;
  std::string sync_names;  // synchronous_standby_names as it is in force
  std::vector<SlotView> slots;
  std::optional<std::uint64_t> slot_keeps_at_most;     // bytes: max_slot_wal_keep_size; nullopt: as much as it needs
  std::uint64_t max_wal_size = 0;                      // bytes
  std::map<std::string, std::string> pending_restart;  // parameter -> JSON {"old_value":..,"new_value":..}

  // How the current timeline began, if that is known.
  std::optional<TimelineStart> start() const {
    if (timeline == 1) return TimelineStart{.timeline = 1};
    return !timelines.empty() && timelines.back().timeline == timeline ? std::optional(timelines.back()) : std::nullopt;
  }
  WalEnd end() const { return {.timeline = timeline, .lsn = wal_lsn, .start = start()}; }
};

// The server that a standby streams from, and its other settings of recovery.
struct Upstream {
  std::string member;  // name; empty: nobody, only local WAL and the archive
  std::string conn_url;
  std::string host, port;
  bool remote = false;    // of another cluster: what a standby leader follows
  std::string slot = {};  // there; empty: none. A member's is named after us
  // Of the section standby_cluster, before those of the node's own configuration.
  std::string restore_command = {}, archive_cleanup_command = {}, recovery_min_apply_delay = {};
  bool operator==(const Upstream&) const = default;
};

// What a fresh copy would do to the data that it replaces.
struct ReplacedData {
  bool kept = true;      // set aside until the copy streams; else removed before it begins
  std::string obstacle;  // why that cannot be, as far as is known; empty: it can
};

struct PostgresView {
  DataDirectory data_directory = DataDirectory::absent;
  ProcessState process = ProcessState::stopped;
  bool standby_signal = false;   // the files say: start as a standby
  bool promotion_begun = false;  // this server, which does not answer, was told to promote, and may do so yet
  // Fresh while stopped; while running, of the last look, but for the state, which is fresh when SQL does not answer.
  std::optional<ControlFile> control;
  std::optional<SqlView> sql;
  std::optional<Upstream> following;     // what primary_conninfo was last set to by us
  int server_version = 0;                // 150020; of the running server or of the data directory (150000)
  std::string system_identifier;         // empty: unknown
  bool configuration_is_current = true;  // its files are ours, and for its role: not of a server that was found running
  bool superseded_data = false;          // a data directory that a copy replaces lies aside
  int postmaster = 0;                    // process id; 0: none, or not known
  int wal_to_archive = 0;                // while shut_down(): files that archive_command has not had yet
  bool crashed = false;                  // the postmaster ended without being asked since it last ran
  bool copy_follows = false;             // a copy was begun here, or is to come: this node is a member of a cluster
  std::string rewind_error;              // half_rewound: how pg_rewind ended; empty: not known
  // New connections, which are tried beside the cycle, as clients would. nullopt: the last was answered, or none was
  // due.
  std::optional<Instant> silent_since;
  std::string connect_error;                     // of the last that was answered; empty: it was let in
  std::optional<Instant> disk_write_since = {};  // when the small write began that has not come back
  std::optional<Instant> commit_since = {};      // when our own small commit was sent that has not come back
  std::optional<Duration> disk_write;            // how long the last small write beside the data took, with its fsync
  std::optional<std::uint64_t> wal_space;        // bytes that are free on the file system of pg_wal
  Problems problems;                             // of its files, disk and archive; for people only, see core/problems.h
  bool feedback_enforced = false;  // hot_standby_feedback is on because we want it, whatever the configuration says

  bool running_primary() const { return sql && !sql->in_recovery; }
  bool running_standby() const { return sql && sql->in_recovery; }
  bool has_postmaster() const { return process != ProcessState::stopped; }
  // A server that does not answer is a standby for certain when its files say so: before PostgreSQL takes writes it
  // removes standby.signal and writes "in production" into the control file. A promotion that has begun may do both any
  // moment, and a signal file that somebody put beside a running primary changes nothing until its next start.
  bool standby_by_files() const {
    if (!standby_signal || promotion_begun) return false;
    if (process == ProcessState::starting) return true;  // the control file may still tell of the run before
    return control && (control->state == ControlState::in_archive_recovery ||
                       control->state == ControlState::shut_down_in_recovery);
  }
  // A primary that was told to stop and has written its shutdown checkpoint: it lets nobody in any more and writes no
  // WAL, whatever becomes of it; only its processes have not ended, see shutdown_waits_for().
  bool shut_down() const {
    return process == ProcessState::stopping && !sql && control && control->state == ControlState::shut_down;
  }
  // It may answer again at any time, and then it is a primary.
  bool silent_primary() const { return has_postmaster() && !sql && !standby_by_files() && !shut_down(); }
  bool may_write() const { return running_primary() || silent_primary(); }
};

}  // namespace tamada::core
