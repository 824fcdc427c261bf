// Where initdb and pg_basebackup write. Both want each directory empty or absent. A mount point may hold lost+found and
// data that were set aside. Then the program writes into a directory inside the holder, and its entries move up at the
// end.
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
  // options: the arguments of the program. tablespaces: their directories on the server that is copied. major_version:
  // of the new cluster, such as "15". An error: a directory has entries that no copy of this node's left there.
  static core::Result<CopyPlaces> find(const std::string& data_dir, const std::vector<std::string>& options,
                                       const std::vector<std::string>& tablespaces, const std::string& major_version);

  // The places that the mark of an unfinished copy has to name.
  std::vector<Unfinished::Place> beside_data_dir() const;
  core::Result<void> make_holders() const;
  // --pgdata and the options, with the directories to write into.
  std::vector<std::string> arguments() const;
  // Called after the program: moves everything to its final place. It is not undone if it fails, and the copy stays
  // marked as unfinished.
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
