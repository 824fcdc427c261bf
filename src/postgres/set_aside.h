// Sets data directories aside with all that belongs to them, and removes them once a copy has replaced them.
#pragma once

#include <string>
#include <vector>

#include "core/types.h"
#include "net/asio.h"
#include "postgres/places.h"

namespace tamada::postgres {

// What belongs to the cluster in a data directory is set aside as a whole: the directory itself, and what its links
// lead to outside of it, pg_wal and tablespaces. A directory is renamed to <directory>_<suffix>. A mount point cannot
// be renamed, nor can a directory whose parent cannot be written. There the entries move into the holder, which is on
// the same file system. Of a tablespace's directory that other clusters use, too, only this cluster's entries move.
//  The plan is written down before the first step. A daemon that finds a plan goes on with it; each step can tell
// whether it is done.
class SettingAside {
 public:
  // Plans what to move, and checks that it can be moved, without changing anything. superseded: a copy is to replace
  // the data.
  static core::Result<SettingAside> plan(const std::string& data_dir, const std::string& suffix, bool superseded);
  static core::Result<SettingAside> read(std::string_view text);
  std::string text() const;

  // Carries the plan out from where it stopped. After an error everything is back in its place if is_undone();
  // otherwise the error says what is not.
  core::Result<void> carry_out();
  bool is_undone() const { return undone_; }
  // The new places once the plan is carried out, that of the data directory first.
  const std::vector<std::string>& lies_in() const { return lies_in_; }
  bool superseded() const { return superseded_; }
  // The directories that hold all that is moved.
  std::vector<std::string> directories() const;

 private:
  struct Link {
    std::string name;    // in the data directory: "pg_wal", "pg_tblspc/16384"
    std::string target;  // without further links
  };
  struct Place {
    std::string directory;
    bool is_tablespace = false;
    bool stays = false;  // a directory has to exist here again, because a link leads here
  };
  static void find_links(const std::string& data_dir, std::vector<Link>& links);
  std::vector<Place> places() const;
  std::vector<std::string> movable(const Place& place) const;
  core::Result<void> check() const;
  core::Result<std::string> move_away(const Place& place) const;
  core::Result<void> move_back(const Place& place) const;
  void point_links_aside() const;
  bool is_aside(const std::string& directory, std::string* where) const;

  std::string data_dir_;  // without links
  bool linked_ = false;   // the configured path is a link
  std::string suffix_, version_;
  bool superseded_ = false, undone_ = false;
  std::vector<Link> links_;  // links of the cluster that lead out of the directory, or by an absolute path into it
  std::vector<std::string> lies_in_;
};

// The names of directories that a copy has replaced or will replace, kept in a note for the next run of the daemon.
class SupersededList {
 public:
  explicit SupersededList(const std::string& data_dir) : note_(data_dir, "superseded") {}
  bool empty() const { return !note_.exists(); }
  bool lies_in_holder() const;  // whether one of them does
  core::Result<void> add(const std::vector<std::string>& directories);
  // Removes all of them, and the list. This may take long.
  awaitable<core::Result<void>> remove_all() const;

 private:
  std::vector<std::string> directories() const;
  Note note_;
};

// Removes directories by rm with low priority.
awaitable<core::Result<void>> remove_directories(std::vector<std::string> directories);

}  // namespace tamada::postgres
