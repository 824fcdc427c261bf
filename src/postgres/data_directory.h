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

// Marks of DataDirectory::mark_incomplete. What is being made is not usable before it is done; of a copy that is yet
// to come nothing lies there.
inline constexpr const char* initdb_begun = "bootstrap";
inline constexpr const char* rewind_begun = "rewind";
inline constexpr const char* copy_to_come = "copy";
// Of holders: where a copy is made that cannot be made in its place.
inline constexpr const char* copy_in_holder = "copy";

// The mark of something unfinished.
struct Unfinished {
  // A directory beside the data directory that it writes into. When it began nothing lay there, or nothing of such a
  // name: what does now is its own.
  struct Place {
    std::string directory;
    std::string prefix;  // of its entries' names: "PG_15_" of a tablespace's, which may be shared; empty: all
  };
  std::string what;
  std::vector<Place> places;
  std::string tree;   // of pg_rewind: what the data directory was like before it
  std::string error;  // of pg_rewind: how it ended, in one line; empty: it has not, or nobody saw it

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
  // Of this moment, though the server runs.
  core::ControlState control_state() const;
  int major_version() const;  // 150000; 0: unknown
  bool standby_signal() const;
  int wal_to_archive() const;  // files

  // A mark, while something is under way that would leave half a cluster. stay_empty: it must not lie in the data
  // directory, whoever is to fill that wants it empty.
  core::Result<void> mark_incomplete(std::string what, std::vector<Unfinished::Place> places = {},
                                     bool stay_empty = false);
  // pg_rewind is about to begin. Looks at all files, and so takes its time.
  core::Result<void> mark_rewind();
  // There is that mark. It says what the directory was like: as long as it still is, pg_rewind has changed nothing.
  bool half_rewound() const;
  std::string rewind_error() const;  // as PostgresView has it
  bool unchanged_by_rewind() const;  // takes its time, too
  core::Result<void> note_rewind_error(std::string error);

  // A mark in the directory: the server of this postmaster.pid was told to promote. It outlives the daemon, which may
  // be killed just then; the mark of another server tells nothing.
  core::Result<void> mark_promotion() const;
  bool promotion_begun() const;
  void promotion_ended() const;
  // Told by a daemon that was killed before it gave the signal: the server would take note of it any time.
  void withdraw_promotion() const;
  bool incomplete() const;
  bool copy_follows() const;  // what is under way, or to come, is a copy of a cluster
  core::Result<void> mark_complete();
  bool anything_left() const;  // of what is marked as unfinished

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
  // pg_rewind removes what its source does not have, and so what lies in holders: what was replaced goes before,
  // anything else is an error.
  awaitable<core::Result<void>> clear_holders();
  // For a copy or an initdb: a cluster is set aside, the beginnings of one are removed, anything else is an error.
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
  std::string no_answer_;  // of pg_controldata, the last time: why
};

}  // namespace tamada::postgres
