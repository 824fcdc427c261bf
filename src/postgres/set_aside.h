// Sets data directories aside with everything that belongs to them, and removes them once a copy has replaced them.
#pragma once

#include <string>
#include <vector>

#include "core/types.h"
#include "net/asio.h"
#include "postgres/places.h"

namespace tamada::postgres {

// Sets a cluster aside as a whole: the data directory, and the directories outside of it to which its links lead,
// pg_wal and tablespaces. A directory is renamed to <directory>_<suffix>. A mount point cannot be renamed, nor can a
// directory in a parent that cannot be written. There the entries move into the holder, which is on the same file
// system. If other clusters use a tablespace's directory, too, only this cluster's entries move.
//
// The plan is written down before the first step. A daemon that finds a plan carries it on, and each step can tell
// whether it is done.
class SettingAside {
 public:
  // Plans the moves and checks that they are possible, without changing anything. superseded: a copy will replace the
  // data.
  static core::Result<SettingAside> plan(const std::string& data_dir, const std::string& suffix, bool superseded);
  static core::Result<SettingAside> read(std::string_view text);
  std::string text() const;

  // The paths that together hold everything that would be moved, in a directory with other clusters' files only this
  // cluster's. Checks nothing.
  static std::vector<std::string> paths_of(const std::string& data_dir);

  // Carries the plan out from where it stopped. After an error everything is back in its place if is_undone();
  // otherwise the error tells what is not.
  core::Result<void> carry_out();
  bool is_undone() const { return undone_; }
  // The new places after the plan was carried out; the first is the data directory's.
  const std::vector<std::string>& lies_in() const { return lies_in_; }
  bool superseded() const { return superseded_; }
  // The directories that contain everything that is moved.
  std::vector<std::string> directories() const;

 private:
  struct Link {
    std::string name;    // in the data directory: "pg_wal", "pg_tblspc/16384"
    std::string target;  // the directory that the link leads to, with all links resolved
  };
  struct Place {
    std::string directory;
    bool is_tablespace = false;
    bool stays = false;  // a directory has to exist here again, because a link leads to it
  };
  static void find_links(const std::string& data_dir, std::vector<Link>& links);
  std::vector<Place> places() const;
  std::vector<std::string> movable(const Place& place) const;
  core::Result<void> check() const;
  core::Result<std::string> move_away(const Place& place) const;
  core::Result<void> move_back(const Place& place) const;
  void point_links_aside() const;
  bool is_aside(const std::string& directory, std::string* where) const;

  std::string data_dir_;  // with links resolved
  bool linked_ = false;   // whether the configured path is a link
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
  bool lies_in_holder() const;                   // whether one of them is in a holder
  std::vector<std::string> directories() const;  // oldest first; of a cluster, the data directory precedes the others
  core::Result<void> add(const std::vector<std::string>& directories);
  // Removes all of them and the list. This may take long.
  awaitable<core::Result<void>> remove_all() const;

 private:
  Note note_;
};

// Removes directories by the program rm, with low priority.
awaitable<core::Result<void>> remove_directories(std::vector<std::string> directories);

}  // namespace tamada::postgres
