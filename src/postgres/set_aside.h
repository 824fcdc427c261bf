// Data directories that are replaced: renamed with all that belongs to them, and removed once they are replaced for
// good.
#pragma once

#include <string>
#include <vector>

#include "core/types.h"
#include "net/asio.h"

namespace tamada::postgres {

// <data_dir> becomes <data_dir>_<suffix>. What its links lead to outside of it, pg_wal and tablespaces, gets the
// suffix, too, and the links lead there: the copy that follows finds their old places free. A data directory that is a
// link itself stays one; what it leads to is renamed, and an empty directory takes its place. Returns the new name.
core::Result<std::string> rename_aside(const std::string& data_dir, const std::string& suffix);

// Names of directories that a copy has replaced, or will: kept in a file beside data_dir, for the daemon's next life.
class SupersededList {
 public:
  explicit SupersededList(const std::string& data_dir) : file_(data_dir + ".superseded") {}
  bool empty() const;
  core::Result<void> add(const std::string& directory);
  // Removes all of them, with what their links lead to, and the list. Takes as long as it takes.
  awaitable<core::Result<void>> remove_all() const;

 private:
  std::vector<std::string> directories() const;
  std::string file_;
};

}  // namespace tamada::postgres
