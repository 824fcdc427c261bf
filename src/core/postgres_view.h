// What is known about the local PostgreSQL. A fact that is not known is std::nullopt; nothing is guessed.
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
  valid,         // holds a cluster that pg_controldata can read; if the server is stopped and `control` is absent, it
                 // has not been read yet
  incomplete,    // a copy or an initdb that this program began and did not finish; it does not hold a usable cluster
  half_rewound,  // pg_rewind has begun to change a cluster, and did not finish
  unusable,      // neither empty nor a readable cluster: it holds other files, or a damaged cluster
};

enum class ProcessState {
  stopped,
  starting,  // there is a postmaster, but it does not accept connections yet; it may be in crash recovery
  running,   // accepts connections
  stopping,
  unresponsive,  // there is a postmaster, but it did not answer our query in time
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
  Lsn redo = 0;           // the position where recovery would begin
  Lsn min_recovery_end = 0;
  Timeline min_recovery_timeline = 0;
  bool data_checksums = false;
  bool wal_log_hints = false;

  // Whether the server last ran as a primary, and so may have written WAL that no other server has.
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
  int pid = 0;                  // of the WAL sender
  bool operator==(const ReplicationConnection&) const = default;
};

// A row of pg_replication_slots. Temporary slots belong to their sessions and are left out.
struct SlotView {
  std::string name;
  bool physical = true;
  bool active = false;
  std::optional<Lsn> restart_lsn;          // physical: what the slot keeps; logical: confirmed_flush_lsn
  std::string database = {}, plugin = {};  // of a logical slot
  std::optional<Xid> catalog_xmin = {};    // the slot keeps catalog rows that later transactions removed
  bool holds_xmin = false;                 // physical: a standby's feedback keeps old rows alive through it
  bool lost = false;                       // wal_status: WAL that the slot should have kept is gone
  bool failover = false;                   // PostgreSQL 17 and later: the server itself copies the slot to standbys
  std::optional<Lsn> keeps_from = {};      // pg_replication_slots.restart_lsn: where the WAL begins that the slot keeps
};

// What the server told by SQL; present only while it answers.
struct SqlView {
  bool in_recovery = false;
  Timeline timeline = 0;
  Timelines timelines = {};  // up to `timeline`; empty on timeline 1, or when not known
  Lsn wal_lsn = 0;           // primary: pg_current_wal_flush_lsn; replica: the greater of received and replayed
  std::optional<Lsn> receive_lsn, replay_lsn;
  std::optional<Lsn> latest_end_lsn;  // where the upstream's WAL ends, as it last told the WAL receiver
  std::string replay_timestamp;       // as /patroni prints it; empty is printed as null
  bool replay_paused = false;
  std::string replication_state;      // "streaming", "in archive recovery", empty
  std::string postmaster_start_time;  // as /patroni prints it
  std::vector<ReplicationConnection> replication;
  std::string sync_names;  // the value of synchronous_standby_names in force
  std::vector<SlotView> slots;
  std::optional<std::uint64_t> slot_keeps_at_most;     // max_slot_wal_keep_size in bytes; nullopt when there is no
                                                       // limit
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
  std::string member;  // its name; empty when there is none: only local WAL and the archive are replayed
  std::string conn_url;
  std::string host, port;
  bool remote = false;    // the server belongs to another cluster, which a standby leader follows
  std::string slot = {};  // our slot on that server; empty when there is none. A member's slot has our name
  // From the section standby_cluster; they override those of the node's own configuration.
  std::string restore_command = {}, archive_cleanup_command = {}, recovery_min_apply_delay = {};
  // recovery_target_timeline: replay no newer timeline than this one, unless pg_wal has one that comes from it; 0: the
  // newest that the archive has.
  Timeline target_timeline = 0;
  bool operator==(const Upstream&) const = default;
};

// What a fresh copy would do with the data that it replaces.
struct ReplacedData {
  bool kept = true;      // set aside until the copy streams; otherwise removed before the copy begins
  std::string obstacle;  // why the data cannot be kept or removed; empty when no reason is known
};

// How much a fresh copy of this member's data would remove, and what another member would copy from here.
struct DataSize {
  std::uint64_t data = 0;  // in bytes, without WAL
  std::uint64_t wal = 0;
  enum class Replaced {
    when_copied,  // the old data are kept until the copy streams
    before,       // they are removed before the copy begins
    in_place,     // the program that copies changes the old data into the new ones
  } replaced = Replaced::when_copied;
};

struct PostgresView {
  DataDirectory data_directory = DataDirectory::absent;
  ProcessState process = ProcessState::stopped;
  bool standby_signal = false;   // the files say that the server starts as a standby
  bool promotion_begun = false;  // the server does not answer, but was told to promote, and may still do so
  // Up to date while the server is stopped. While it runs this is from the last time it was read, except for its state,
  // which is up to date when SQL does not answer.
  std::optional<ControlFile> control;
  std::optional<SqlView> sql;
  std::optional<Upstream> following;     // the primary_conninfo that we last set
  int server_version = 0;                // of the running server, such as 150020, or of the data directory (150000)
  std::string system_identifier;         // empty when not known
  bool configuration_is_current = true;  // the server's files are ours and for its role; false for a server that was
                                         // running when the daemon started
  bool superseded_data = false;          // a data directory that a copy replaces has been set aside
  int postmaster = 0;                    // process id; 0 when there is none, or when it is not known
  int wal_to_archive = 0;                // while shut_down(): the number of files that archive_command has not archived
                                         // yet
  bool crashed = false;                  // the postmaster ended without having been asked to
  bool copy_follows = false;             // a copy was begun here or will be made, so this node is a member of a cluster
  std::string rewind_error;              // half_rewound: how pg_rewind ended; empty when not known
  // Since when new connections get no answer. They are tried beside the cycle, as clients would connect. nullopt when
  // the last one was answered, or none was due.
  std::optional<Instant> silent_since;
  std::string connect_error;                     // why the last connection that was answered was refused; empty when it
                                                 // was accepted
  std::optional<Instant> disk_write_since = {};  // when the small write began that has not ended yet
  std::optional<Instant> commit_since = {};      // when our own small commit was sent that has not ended yet
  std::optional<Duration> disk_write;            // how long the last small write beside the data took, with its fsync
  std::optional<std::uint64_t> wal_space;        // free bytes on the file system of pg_wal
  Problems problems;                             // of its files, disk and archive; shown to people and not used by
                                                 // rules, see core/problems.h
  bool feedback_enforced = false;  // hot_standby_feedback is on because this daemon needs it, whatever the
                                   // configuration says

  bool running_primary() const { return sql && !sql->in_recovery; }
  bool running_standby() const { return sql && sql->in_recovery; }
  bool has_postmaster() const { return process != ProcessState::stopped; }
  // Whether the files prove that a server which does not answer is a standby. Before PostgreSQL takes writes it removes
  // standby.signal and writes "in production" into the control file. A promotion that has begun may do both at any
  // moment. A signal file that somebody put beside a running primary changes nothing until its next start.
  bool standby_by_files() const {
    if (!standby_signal || promotion_begun) return false;
    if (process == ProcessState::starting) return true;  // the control file may still tell of the run before
    return control && (control->state == ControlState::in_archive_recovery ||
                       control->state == ControlState::shut_down_in_recovery);
  }
  // A primary that was told to stop and has written its shutdown checkpoint. It accepts no connections and writes no
  // more WAL, whatever happens next. Only its processes have not ended; see shutdown_waits_for().
  bool shut_down() const {
    return process == ProcessState::stopping && !sql && control && control->state == ControlState::shut_down;
  }
  // The server does not answer now, but when it answers again it may be a primary.
  bool silent_primary() const { return has_postmaster() && !sql && !standby_by_files() && !shut_down(); }
  bool may_write() const { return running_primary() || silent_primary(); }
};

}  // namespace tamada::core
