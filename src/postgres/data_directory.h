// The data directory as a whole: what it is, and making room for a new one.
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

// What DataDirectory::mark_incomplete notes: an initdb or a copy that has begun, which is not usable before it ends, or
// a copy that is planned, of which nothing exists yet.
inline constexpr const char* initdb_begun = "bootstrap";
inline constexpr const char* rewind_begun = "rewind";
inline constexpr const char* copy_to_come = "copy";
// The directory in holders for a copy that cannot be made in its final place.
inline constexpr const char* copy_in_holder = "copy";

// The mark of something unfinished.
struct Unfinished {
  // A directory outside of the data directory into which the copy writes. It had no entries with this prefix before, so
  // all that it has now are the copy's.
  struct Place {
    std::string directory;
    std::string prefix;  // of its entries' names: "PG_15_" of a tablespace's, which may be shared; empty: all
  };
  std::string what;
  std::vector<Place> places;
  std::string tree;   // of pg_rewind: the fingerprint of the data directory before it ran
  std::string error;  // of pg_rewind: its error in one line; empty: it has not ended, or nobody saw its end

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
  // fresh: pg_controldata runs when the control file changed since; else what was read once is good enough.
  awaitable<Look> look(bool fresh, core::Duration timeout);
  // Reads the state now, also while the server runs.
  core::ControlState control_state() const;
  int major_version() const;  // 150000; 0: unknown
  bool standby_signal() const;
  int wal_to_archive() const;  // files

  // Marks the directory while an operation runs that would leave half a cluster if it were interrupted. stay_empty: the
  // mark lies outside of the data directory, because the program that fills it wants it empty.
  core::Result<void> mark_incomplete(std::string what, std::vector<Unfinished::Place> places = {},
                                     bool stay_empty = false);
  // pg_rewind is about to begin. Looks at all files, and so takes its time.
  core::Result<void> mark_rewind();
  // Whether that mark exists. It has the directory's fingerprint: as long as that is the same, pg_rewind has changed
  // nothing.
  bool half_rewound() const;
  std::string rewind_error() const;  // as PostgresView has it
  bool unchanged_by_rewind() const;  // takes long, too
  core::Result<void> note_rewind_error(std::string error);

  // Marks in the directory that the server of this postmaster.pid is told to promote. The mark outlives the daemon,
  // which may be killed at that moment. The mark of an earlier server does not count.
  core::Result<void> mark_promotion() const;
  bool promotion_begun() const;
  void promotion_ended() const;
  // Removes a request to promote that a former daemon wrote before it was killed: the server could read it at any time.
  void withdraw_promotion() const;
  bool incomplete() const;
  bool copy_follows() const;  // a copy of a cluster is under way or planned
  core::Result<void> mark_complete();
  bool anything_left() const;  // whether anything is left of what is marked as unfinished

  // superseded: a copy is to replace the old directory. A mark says so from then on, and when the copy is complete the
  // old directory may be removed.
  core::Result<void> set_aside(bool superseded);
  // Why the data cannot be set aside for a fresh copy or, where they are to be kept meanwhile, that there is no room
  // for both. Empty: nothing known stands in the way.
  awaitable<std::string> obstacle_to_replacing(bool keep, core::Duration timeout) const;
  // Finishes setting data aside where a former run of the daemon was interrupted.
  core::Result<void> finish_setting_aside();
  bool is_being_set_aside() const { return plan_.exists(); }
  const SupersededList& superseded() const { return superseded_; }
  // pg_rewind would remove the contents of holders, because its source does not have them. So replaced data there are
  // removed before; anything else there is an error.
  awaitable<core::Result<void>> clear_holders();
  // Makes room for a copy or an initdb: a cluster is set aside, an unfinished one is removed, anything else is an
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
  std::string no_answer_;  // why pg_controldata gave no answer the last time
};

}  // namespace tamada::postgres
