#include "postgres/copy_places.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "postgres/files.h"

namespace tamada::postgres {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view waldir_option = "--waldir=", mapping_option = "--tablespace-mapping=";

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '=' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string trimmed_path(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

// Source: PostgreSQL, pg_basebackup, option --tablespace-mapping.
std::optional<TablespaceMapping> parse_mapping(std::string_view option) {
  if (!option.starts_with(mapping_option)) return std::nullopt;
  option.remove_prefix(mapping_option.size());
  TablespaceMapping result;
  bool second = false;
  for (std::size_t i = 0; i < option.size(); ++i) {
    if (option[i] == '\\' && i + 1 < option.size() && option[i + 1] == '=') {
      (second ? result.to : result.from) += option[++i];
    } else if (option[i] == '=' && !second) {
      second = true;
    } else {
      (second ? result.to : result.from) += option[i];
    }
  }
  if (!second) return std::nullopt;
  return TablespaceMapping{.from = trimmed_path(result.from), .to = trimmed_path(result.to)};
}

core::Result<void> CopyPlaces::add(Place place, const char* what) {
  auto names = entries_of(place.directory);
  std::erase_if(names, [&](const std::string& name) { return !name.starts_with(place.prefix); });
  if (!names.empty()) {
    return core::fail(std::string(what) + " " + place.directory + " holds " + names.front() +
                      (names.size() > 1 ? " and more" : "") +
                      ", which no copy of this node left there; find out what it is, and move it away or remove it");
  }
  place.writes =
      is_empty_or_absent(place.directory) ? place.directory : postgres::held(place.directory, copy_in_holder);
  places_.push_back(std::move(place));
  return {};
}

core::Result<CopyPlaces> CopyPlaces::find(const std::string& data_dir, const std::vector<std::string>& options,
                                          const std::vector<std::string>& tablespaces,
                                          const std::string& major_version) {
  CopyPlaces result;
  const std::string prefix = "PG_" + major_version + "_";
  if (auto added = result.add({.directory = data_dir}, "the data directory"); !added) {
    return std::unexpected(added.error());
  }
  std::vector<TablespaceMapping> mappings;
  for (const auto& option : options) {
    if (option.starts_with(waldir_option)) {
      result.waldir_ = trimmed_path(option.substr(waldir_option.size()));
    } else if (const auto mapping = parse_mapping(option)) {
      mappings.push_back(*mapping);
    } else {
      result.options_.push_back(option);
    }
  }
  for (const auto& tablespace : tablespaces) {
    const auto same = [&](const TablespaceMapping& one) { return one.from == tablespace; };
    if (std::ranges::none_of(mappings, same)) mappings.push_back({tablespace, tablespace});
  }
  if (!result.waldir_.empty()) {
    if (auto added = result.add({.directory = result.waldir_}, "the WAL directory"); !added) {
      return std::unexpected(added.error());
    }
  }
  for (const auto& [from, to] : mappings) {
    if (auto added = result.add({.directory = to, .prefix = prefix, .location = from}, "the tablespace's directory");
        !added) {
      return std::unexpected(added.error());
    }
  }
  return result;
}

std::vector<Unfinished::Place> CopyPlaces::beside_data_dir() const {
  std::vector<Unfinished::Place> result;
  for (const auto& place : places_) {
    if (&place != &places_.front()) result.push_back({.directory = place.directory, .prefix = place.prefix});
  }
  return result;
}

core::Result<void> CopyPlaces::make_holders() const {
  for (const auto& place : places_) {
    if (!place.held()) continue;
    if (auto made = make_holder(place.directory); !made) return made;
  }
  return {};
}

std::vector<std::string> CopyPlaces::arguments() const {
  std::vector<std::string> result{"--pgdata=" + places_.front().writes};
  for (const auto& place : places_) {
    if (&place == &places_.front()) continue;
    if (place.location.empty()) {
      result.push_back(std::string(waldir_option) + place.writes);
    } else if (place.location != place.writes) {
      result.push_back(std::string(mapping_option) + escaped(place.location) + "=" + escaped(place.writes));
    }
  }
  result.insert(result.end(), options_.begin(), options_.end());
  return result;
}

// Makes the cluster's link lead to the final place, because the program made it lead into the holder.
core::Result<void> CopyPlaces::lead_to(const Place& place) const {
  const auto& data = places_.front().writes;
  std::vector<std::string> links{data + "/pg_wal"};
  for (const auto& name : entries_of(data + "/pg_tblspc")) links.push_back(data + "/pg_tblspc/" + name);
  for (const auto& link : links) {
    std::error_code error;
    if (fs::read_symlink(link, error) != place.writes || error) continue;
    fs::remove(link, error);
    if (!error) fs::create_directory_symlink(place.directory, link, error);
    if (error) return core::fail("cannot let " + link + " lead to " + place.directory + ": " + error.message());
    if (auto there = flush_entry(link); !there) return there;
  }
  return {};
}

core::Result<void> CopyPlaces::move_place_up(const Place& place) const {
  auto names = entries_of(place.writes);
  // These files move last, because without them the directory does not look like a cluster.
  std::ranges::partition(names, [](const std::string& name) { return name != "global"; });
  if (auto moved = move_entries(place.writes, names, place.directory); !moved) return moved;
  struct stat status{};
  // The root of a mount point has its own permissions, and PostgreSQL requires those that the program set.
  if (::stat(place.writes.c_str(), &status) == 0) ::chmod(place.directory.c_str(), status.st_mode & 07777);
  std::error_code ignored;
  fs::remove_all(place.writes, ignored);
  remove_holder_if_empty(place.directory);
  return {};
}

core::Result<void> CopyPlaces::move_up() const {
  for (const auto& place : places_) {
    if (!place.held() || &place == &places_.front()) continue;
    if (auto led = lead_to(place); !led) return led;
    if (auto moved = move_place_up(place); !moved) return moved;
  }
  if (!places_.front().held()) return {};
  return move_place_up(places_.front());
}

}  // namespace tamada::postgres
