// The data directory as a whole: determines its state, and makes room for a new one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/postgres_view.h"
#include "net/asio.h"
#include "postgres/configuration_files.h"
#include "postgres/controldata.h"
#include "postgres/set_aside.h"

namespace tamada::postgres {

// The kinds of mark for DataDirectory::mark_incomplete: an initdb or a copy has begun, and is not usable before it
// ends; or a copy is planned, and nothing of it exists yet.
inline constexpr const char* initdb_begun = "bootstrap";
inline constexpr const char* rewind_begun = "rewind";
inline constexpr const char* copy_to_come = "copy";
// The directory in holders for a copy that cannot be made in its final place.
inline constexpr const char* copy_in_holder = "copy";
// Directories in the data directory's holder while an incremental backup is made: the backup, and links to what it is
// combined with.
inline constexpr const char* increment_in_holder = "increment";
inline constexpr const char* base_in_holder = "base";

// The mark of an unfinished operation.
struct Unfinished {
  // A directory outside of the data directory into which the copy writes. It had no entries with this prefix before the
  // copy, so all entries with it are the copy's.
  struct Place {
    std::string directory;
    std::string prefix;  // of its entries' names, such as "PG_15_" in a tablespace's directory, which clusters may
                         // share; empty: all entries
  };
  std::string what;
  std::vector<Place> places;
  std::string tree;   // for pg_rewind: the fingerprint of the data directory before it ran
  std::string error;  // for pg_rewind: its error in one line; empty when it has not ended, or when no daemon saw its
                      // end

  static Unfinished parse(const std::string& text);
  std::string text() const;
};

class DataDirectory {
 public:
  explicit DataDirectory(const Paths& paths)
      : paths_(paths),
        superseded_(paths.data_dir),
        mark_(paths.data_dir, "incomplete"),
        plan_(paths.data_dir, "setting_aside") {}

  struct Look {
    core::DataDirectory kind = core::DataDirectory::absent;
    std::optional<ControlData> control;
  };
  // fresh: pg_controldata runs if the control file has changed since; otherwise an earlier result is good enough.
  awaitable<Look> look(bool fresh, core::Duration timeout);
  // Reads the state now, also while the server runs.
  core::ControlState control_state() const;
  int major_version() const;  // such as 150000; 0 when not known
  bool standby_signal() const;
  int wal_to_archive() const;  // number of files

  // Marks the directory while an operation runs that would leave half a cluster if it were interrupted. stay_empty: the
  // mark is outside of the data directory, because the program that fills the directory requires it to be empty.
  core::Result<void> mark_incomplete(std::string what, std::vector<Unfinished::Place> places = {},
                                     bool stay_empty = false);
  // Marks that pg_rewind is about to begin. It reads the state of all files, so it may take long.
  core::Result<void> mark_rewind();
  // Whether that mark exists. It contains the fingerprint of the directory: as long as the fingerprint is the same,
  // pg_rewind has changed nothing.
  bool half_rewound() const;
  std::string rewind_error() const;  // the same as PostgresView::rewind_error
  bool unchanged_by_rewind() const;  // may take long, too
  core::Result<void> note_rewind_error(std::string error);

  // Marks that the server of this postmaster.pid is about to be told to promote. The mark outlives the daemon, which
  // may be killed at that moment. A mark of an earlier server does not count.
  core::Result<void> mark_promotion() const;
  bool promotion_begun() const;
  void promotion_ended() const;
  // Removes a request to promote that a former daemon wrote before it was killed, because the server could read it at
  // any time.
  void withdraw_promotion() const;
  bool incomplete() const;
  bool copy_follows() const;  // a copy of a cluster is under way or planned
  core::Result<void> mark_complete();
  bool anything_left() const;  // whether anything is left of the unfinished operation

  // superseded: a copy will replace the old directory. A mark notes that, and when the copy is complete the old
  // directory may be removed.
  core::Result<void> set_aside(bool superseded);
  // Why the data cannot be set aside for a fresh copy or, if they are to be kept meanwhile, why there is no room for
  // both. Empty when no obstacle is known.
  awaitable<std::string> obstacle_to_replacing(bool keep, core::Duration timeout) const;
  // The size of the files, as du counts it, with those outside to which links lead.
  awaitable<core::Result<core::DataSize>> size(core::Duration timeout) const;
  // Finishes setting data aside if a former run of the daemon was interrupted in it.
  core::Result<void> finish_setting_aside();
  bool is_being_set_aside() const { return plan_.exists(); }
  const SupersededList& superseded() const { return superseded_; }
  // Removes replaced data in holders before pg_rewind runs, because pg_rewind would remove the contents of holders,
  // which its source does not have. Other contents are an error.
  awaitable<core::Result<void>> clear_holders();
  // Makes room for a copy or an initdb: a cluster is set aside, an unfinished one is removed, and anything else is an
  // error.
  awaitable<core::Result<void>> make_room(bool for_copy);

 private:
  bool has_control_file() const;
  core::DataDirectory kind_of_mark(core::DataDirectory unmarked) const;
  std::optional<Unfinished> unfinished() const;
  core::Result<void> carry_out(SettingAside plan);
  awaitable<core::Result<void>> remove_unfinished(Unfinished mark);
  std::string promotion_mark() const;
  std::optional<std::string> running_server() const;

  struct Stamp {
    unsigned long inode = 0;
    long seconds = 0, nanoseconds = 0;
    bool operator==(const Stamp&) const = default;
  };
  const Paths& paths_;
  SupersededList superseded_;
  Note mark_, plan_;
  Stamp read_at_;
  std::optional<ControlData> control_;
  std::string no_answer_;  // why pg_controldata gave no answer the last time; empty when it did
};

}  // namespace tamada::postgres
