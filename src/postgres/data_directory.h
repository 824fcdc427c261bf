// The data directory as a whole: what it is, and making room for a new one.
#pragma once

#include <optional>
#include <string>

#include "core/postgres_view.h"
#include "net/asio.h"
#include "postgres/configuration_files.h"
#include "postgres/controldata.h"
#include "postgres/set_aside.h"

namespace tamada::postgres {

// Marks of DataDirectory::mark_incomplete. What is being made is not usable before it is done; of a copy that is yet
// to come nothing lies there.
inline constexpr const char* initdb_begun = "bootstrap";
inline constexpr const char* copy_to_come = "copy";

class DataDirectory {
 public:
  explicit DataDirectory(const Paths& paths) : paths_(paths), superseded_(paths.data_dir) {}

  struct Look {
    core::DataDirectory kind = core::DataDirectory::absent;
    std::optional<ControlData> control;
  };
  // fresh: pg_controldata runs when the control file changed since; else what was read once is good enough.
  awaitable<Look> look(bool fresh, core::Duration timeout);
  int major_version() const;  // 150000; 0: unknown
  bool standby_signal() const;

  // A mark beside the directory, while something is under way that would leave half a cluster.
  core::Result<void> mark_incomplete(std::string what);
  bool incomplete() const;
  bool copy_follows() const;  // what is under way, or to come, is a copy of a cluster
  core::Result<void> mark_complete();

  // superseded: a copy replaces it, and then it may go.
  core::Result<void> set_aside(bool superseded);
  const SupersededList& superseded() const { return superseded_; }
  // For a copy or an initdb: a cluster is renamed aside, the beginnings of one are removed, anything else is an error.
  awaitable<core::Result<void>> make_room(bool for_copy);

 private:
  std::string marker() const { return paths_.data_dir + ".incomplete"; }
  bool has_control_file() const;

  struct Stamp {
    unsigned long inode = 0;
    long seconds = 0, nanoseconds = 0;
    bool operator==(const Stamp&) const = default;
  };
  const Paths& paths_;
  SupersededList superseded_;
  Stamp read_at_;
  std::optional<ControlData> control_;
};

}  // namespace tamada::postgres
