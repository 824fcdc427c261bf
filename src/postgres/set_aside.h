// Data directories that are replaced: set aside with all that belongs to them, and removed once they are replaced for
// good.
#pragma once

#include <string>
#include <vector>

#include "core/types.h"
#include "net/asio.h"
#include "postgres/places.h"

namespace tamada::postgres {

// What belongs to the cluster in a data directory is set aside as a whole: the directory itself, and what its links
// lead to outside of it, pg_wal and tablespaces. A directory is renamed to <directory>_<suffix>. A mount point cannot
// be, nor what lies in a folder that is not ours to write: there the entries move into the holder, one level down on
// the same file system. Of a tablespace's directory that others use, too, only this cluster's entries move.
//
// The plan is written down before the first step. Whoever finds it goes on with it; each step knows whether it is done.
class SettingAside {
 public:
  // What there is, and whether it can be: nothing is changed. superseded: a copy is to replace it.
  static core::Result<SettingAside> plan(const std::string& data_dir, std::string suffix, bool superseded);
  static core::Result<SettingAside> read(std::string_view text);
  std::string text() const;

  // From wherever it stopped. After an error everything is again where it was if is_undone(); else the error says what
  // is not.
  core::Result<void> carry_out();
  bool is_undone() const { return undone_; }
  // Once carried out: where things are now, the data directory first.
  const std::vector<std::string>& lies_in() const { return lies_in_; }
  bool superseded() const { return superseded_; }
  // All that is moved lies in these.
  std::vector<std::string> directories() const;

 private:
  struct Link {
    std::string name;    // in the data directory: "pg_wal", "pg_tblspc/16384"
    std::string target;  // without further links
  };
  struct Place {
    std::string directory;
    bool is_tablespace = false;
    bool stays = false;  // a directory has to be here again: a link leads here
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
  bool linked_ = false;   // and a link leads there
  std::string suffix_, version_;
  bool superseded_ = false, undone_ = false;
  std::vector<Link> links_;  // the cluster's own, that lead out of it or by a full path into it
  std::vector<std::string> lies_in_;
};

// Names of directories that a copy has replaced, or will: kept in a note, for the daemon's next life.
class SupersededList {
 public:
  explicit SupersededList(const std::string& data_dir) : note_(data_dir, "superseded") {}
  bool empty() const { return !note_.exists(); }
  bool lies_in_holder() const;  // some of them
  core::Result<void> add(const std::vector<std::string>& directories);
  // Removes all of them, and the list. Takes as long as it takes.
  awaitable<core::Result<void>> remove_all() const;

 private:
  std::vector<std::string> directories() const;
  Note note_;
};

// By rm, with low priority.
awaitable<core::Result<void>> remove_directories(std::vector<std::string> directories);

}  // namespace tamada::postgres
