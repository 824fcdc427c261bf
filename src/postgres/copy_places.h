// Where initdb and pg_basebackup write. These programs require each directory to be empty or absent, but a mount point
// may hold lost+found and data that were set aside. Then the program writes into a directory inside the holder, and its
// entries move up at the end.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"
#include "postgres/data_directory.h"

namespace tamada::postgres {

// The option --tablespace-mapping=OLD=NEW. In a name, \= stands for an equals sign.
struct TablespaceMapping {
  std::string from, to;
};
std::optional<TablespaceMapping> parse_mapping(std::string_view option);

class CopyPlaces {
 public:
  // options: the arguments of the program. tablespaces: their directories on the server that is copied. major_version:
  // of the new cluster, such as "15". An error when a directory has entries that are not left from a copy of this node.
  static core::Result<CopyPlaces> find(const std::string& data_dir, const std::vector<std::string>& options,
                                       const std::vector<std::string>& tablespaces, const std::string& major_version);

  // The places that the mark of an unfinished copy has to name.
  std::vector<Unfinished::Place> beside_data_dir() const;
  core::Result<void> make_holders() const;
  // --pgdata and the other options, with the directories into which the program has to write.
  std::vector<std::string> arguments() const;
  const std::string& data_dir_writes() const { return places_.front().writes; }
  // To be called after the program: moves everything to its final place. If it fails, it is not undone, and the copy
  // stays marked as unfinished.
  core::Result<void> move_up() const;

 private:
  struct Place {
    std::string directory;
    std::string writes;    // the directory itself, or one in its holder
    std::string prefix;    // of the names of entries: the version of the cluster, in a tablespace's directory
    std::string location;  // the directory of a tablespace on the upstream
    bool held() const { return writes != directory; }
  };
  core::Result<void> add(Place place, const char* what);
  core::Result<void> move_place_up(const Place& place) const;
  core::Result<void> lead_to(const Place& place) const;

  std::vector<Place> places_;         // the data directory first
  std::vector<std::string> options_;  // the options that name no places
  std::string waldir_;
};

}  // namespace tamada::postgres
