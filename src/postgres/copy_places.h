// Where initdb and pg_basebackup write. Both want each directory empty or absent. A mount point may hold lost+found,
// and what was set aside there: then they write into a directory inside the holder, whose entries move up at the end.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"
#include "postgres/data_directory.h"

namespace tamada::postgres {

// --tablespace-mapping=OLD=NEW, where \= is an equals sign of a name.
struct TablespaceMapping {
  std::string from, to;
};
std::optional<TablespaceMapping> parse_mapping(std::string_view option);

class CopyPlaces {
 public:
  // options: of the program, as it would be called. tablespaces: their directories on the server that is copied.
  // major_version: of the cluster to come, such as "15". An error: a directory has entries that no copy of this node's
  // left there.
  static core::Result<CopyPlaces> find(const std::string& data_dir, const std::vector<std::string>& options,
                                       const std::vector<std::string>& tablespaces, const std::string& major_version);

  // For the mark of what is unfinished.
  std::vector<Unfinished::Place> beside_data_dir() const;
  core::Result<void> make_holders() const;
  // --pgdata and the options, with the directories to write into.
  std::vector<std::string> arguments() const;
  // After the program: everything is where it belongs. Once begun, it is not undone: the copy is still unfinished.
  core::Result<void> move_up() const;

 private:
  struct Place {
    std::string directory;
    std::string writes;    // the same, or in its holder
    std::string prefix;    // of entries: those of a tablespace's version
    std::string location;  // of a tablespace
    bool held() const { return writes != directory; }
  };
  core::Result<void> add(Place place, const char* what);
  core::Result<void> move_place_up(const Place& place) const;
  core::Result<void> lead_to(const Place& place) const;

  std::vector<Place> places_;         // the data directory first
  std::vector<std::string> options_;  // without those of places
  std::string waldir_;
};

}  // namespace tamada::postgres
