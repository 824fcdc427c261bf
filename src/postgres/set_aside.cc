#include "postgres/set_aside.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "net/log.h"
#include "net/process.h"
#include "postgres/files.h"

namespace tamada::postgres {
namespace {

namespace fs = std::filesystem;

bool lies_in_folder(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder + "/");
}

std::string first_line_of(const std::string& file) {
  const auto text = read_file(file).value_or("");
  return text.substr(0, text.find('\n'));
}

// Whether rename() failed with an error after which the entries may be moved into the directory's holder instead.
bool is_worth_moving_down(int error) {
  return error == EBUSY || error == EACCES || error == EPERM || error == EXDEV || error == EROFS;
}

core::Result<void> make_again(const std::string& directory, const std::string& as_it_was) {
  struct stat status{};
  const bool known = ::stat(as_it_was.c_str(), &status) == 0;
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return core::fail("cannot make " + directory + " again: " + std::strerror(errno));
  }
  if (known) ::chmod(directory.c_str(), status.st_mode & 07777);
  return flush_entry(directory);
}

}  // namespace

// Finds the links out of the data directory. Source: PostgreSQL, "Database File Layout": pg_wal may be a link, and the
// entries of pg_tblspc are links, except for in-place tablespaces.
void SettingAside::find_links(const std::string& data_dir, std::vector<Link>& links) {
  std::error_code ignored;
  const auto consider = [&](const std::string& name) {
    const fs::path path = data_dir + "/" + name;
    if (!fs::is_symlink(path, ignored)) return;
    const auto target = fs::canonical(path, ignored).string();
    // A relative link that leads into the directory stays valid when the directory moves.
    const bool moves_along = fs::read_symlink(path, ignored).is_relative() && lies_in_folder(target, data_dir);
    if (!target.empty() && !moves_along) links.push_back({.name = name, .target = target});
  };
  consider("pg_wal");
  for (const auto& name : entries_of(data_dir + "/pg_tblspc")) {
    if (std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c); })) consider("pg_tblspc/" + name);
  }
}

core::Result<SettingAside> SettingAside::plan(const std::string& data_dir, const std::string& suffix, bool superseded) {
  SettingAside result;
  std::error_code error;
  result.data_dir_ = fs::canonical(data_dir, error);
  if (error) return core::fail("cannot follow " + data_dir + ": " + error.message());
  result.linked_ = fs::is_symlink(data_dir, error);
  result.superseded_ = superseded;
  result.version_ = first_line_of(result.data_dir_ + "/PG_VERSION");
  find_links(result.data_dir_, result.links_);
  const auto taken = [&] {
    return std::ranges::any_of(result.places(),
                               [&](const Place& place) { return result.is_aside(place.directory, nullptr); });
  };
  result.suffix_ = suffix;
  for (int copy = 1; taken(); ++copy) result.suffix_ = suffix + "_" + std::to_string(copy);
  if (auto possible = result.check(); !possible) return std::unexpected(possible.error());
  return result;
}

std::vector<SettingAside::Place> SettingAside::places() const {
  std::vector<Place> result{{.directory = data_dir_, .stays = linked_}};
  for (const auto& link : links_) {
    if (lies_in_folder(link.target, data_dir_)) continue;
    result.push_back({.directory = link.target, .is_tablespace = link.name != "pg_wal", .stays = true});
  }
  return result;
}

std::vector<std::string> SettingAside::paths_of(const std::string& data_dir) {
  SettingAside all;
  std::error_code error;
  all.data_dir_ = fs::canonical(data_dir, error);
  if (error) return {};
  all.version_ = first_line_of(all.data_dir_ + "/PG_VERSION");
  find_links(all.data_dir_, all.links_);
  std::vector<std::string> paths;
  for (const auto& place : all.places()) {
    if (!place.is_tablespace) {
      paths.push_back(place.directory);
      continue;
    }
    for (const auto& name : all.movable(place)) paths.push_back(place.directory + "/" + name);
  }
  return paths;
}

std::vector<std::string> SettingAside::directories() const {
  std::vector<std::string> result;
  for (const auto& place : places()) result.push_back(place.directory);
  return result;
}

// The names of the place's entries that belong to this cluster. Source: PostgreSQL, "Database File Layout": a
// tablespace's directory has a subdirectory for each major version, such as PG_15_202209061, and clusters of several
// versions may share it.
std::vector<std::string> SettingAside::movable(const Place& place) const {
  auto names = entries_of(place.directory);
  if (place.is_tablespace) {
    const auto ours = "PG_" + version_ + "_";
    std::erase_if(names, [&](const std::string& name) { return version_.empty() || !name.starts_with(ours); });
  }
  return names;
}

core::Result<void> SettingAside::check() const {
  for (const auto& place : places()) {
    if (place.directory.contains('\n')) return core::fail(place.directory + " has a line break in its name");
    const auto mounted = mount_points_from(place.directory);
    if (mounted.empty()) continue;
    for (const auto& name : movable(place)) {
      for (const auto& point : mounted) {
        if (!lies_in_folder(point, place.directory + "/" + name)) continue;
        return core::fail(point + " is a mount point inside " + place.directory +
                          ", which therefore cannot be set aside: let a link lead to a directory on that file system "
                          "instead, or empty the data directory by hand");
      }
    }
  }
  return {};
}

std::string SettingAside::text() const {
  std::string result = "suffix " + suffix_ + "\nsuperseded " + (superseded_ ? "yes" : "no") + "\nlinked " +
                       (linked_ ? "yes" : "no") + "\nversion " + version_ + "\ndirectory " + data_dir_ + "\n";
  for (const auto& link : links_) result += "link " + link.name + " " + link.target + "\n";
  return result + "end\n";
}

core::Result<SettingAside> SettingAside::read(std::string_view text) {
  SettingAside result;
  bool whole = false;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const auto space = line.find(' ');
    const auto key = line.substr(0, space);
    const auto value = space == std::string::npos ? std::string() : line.substr(space + 1);
    if (key == "suffix") result.suffix_ = value;
    if (key == "superseded") result.superseded_ = value == "yes";
    if (key == "linked") result.linked_ = value == "yes";
    if (key == "version") result.version_ = value;
    if (key == "directory") result.data_dir_ = value;
    if (const auto end = value.find(' '); key == "link" && end != std::string::npos) {
      result.links_.push_back({.name = value.substr(0, end), .target = value.substr(end + 1)});
    }
    whole = key == "end";
  }
  if (!whole || result.suffix_.empty() || !result.data_dir_.starts_with('/')) {
    return core::fail("the plan by which the data directory was being set aside is not readable");
  }
  return result;
}

bool SettingAside::is_aside(const std::string& directory, std::string* where) const {
  for (const auto& path : {directory + "_" + suffix_, held(directory, suffix_)}) {
    if (!exists(path)) continue;
    if (where) *where = path;
    return true;
  }
  return false;
}

// Returns the new path of the directory.
core::Result<std::string> SettingAside::move_away(const Place& place) const {
  const auto beside = place.directory + "_" + suffix_, inside = held(place.directory, suffix_);
  if (!exists(beside)) {
    const bool shared = place.is_tablespace && movable(place) != entries_of(place.directory);
    bool down = shared || exists(inside) || is_mount_point(place.directory);
    if (!down && ::rename(place.directory.c_str(), beside.c_str()) != 0) {
      down = is_worth_moving_down(errno);
      if (!down) return core::fail("cannot rename " + place.directory + " to " + beside + ": " + std::strerror(errno));
    }
    if (auto there = down ? core::Result<void>() : flush_entry(beside); !there) return std::unexpected(there.error());
    if (down) {
      if (auto moved = move_entries(place.directory, movable(place), inside); !moved) {
        return std::unexpected(moved.error());
      }
      return inside;
    }
  }
  if (place.stays) {
    if (auto made = make_again(place.directory, beside); !made) return std::unexpected(made.error());
  }
  return beside;
}

core::Result<void> SettingAside::move_back(const Place& place) const {
  const auto beside = place.directory + "_" + suffix_, inside = held(place.directory, suffix_);
  if (exists(beside)) {
    // rename() replaces an empty directory, and nothing else, so no data can be overwritten.
    if (::rename(beside.c_str(), place.directory.c_str()) == 0) return flush_entry(beside);
    return core::fail("cannot rename " + beside + " back to " + place.directory + ": " + std::strerror(errno));
  }
  if (!exists(inside)) return {};
  if (auto moved = move_entries(inside, entries_of(inside), place.directory); !moved) return moved;
  ::rmdir(inside.c_str());
  remove_holder_if_empty(place.directory);
  return {};
}

// Points the links of the directory that was set aside to the new places, so that the old cluster is complete there. A
// failure has no other consequence.
void SettingAside::point_links_aside() const {
  for (const auto& link : links_) {
    std::string target = link.target;
    if (lies_in_folder(target, data_dir_)) {
      target = lies_in_.front() + target.substr(data_dir_.size());
    } else if (!is_aside(target, &target)) {
      continue;
    }
    const auto path = lies_in_.front() + "/" + link.name;
    std::error_code error;
    if (fs::read_symlink(path, error) == target) continue;
    fs::remove(path, error);
    fs::create_symlink(target, path, error);
    if (error) log::warning("cannot let {} lead to {}: {}", path, target, error.message());
  }
}

core::Result<void> SettingAside::carry_out() {
  lies_in_.clear();
  undone_ = false;
  const auto all = places();
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto moved = move_away(all[i]);
    if (moved) {
      lies_in_.push_back(*moved);
      continue;
    }
    std::string left;
    for (std::size_t back = i + 1; back-- > 0;) {
      if (auto undone = move_back(all[back]); !undone) left += "; and " + undone.error().what;
    }
    undone_ = left.empty();
    return core::fail(moved.error().what + left);
  }
  point_links_aside();
  for (std::size_t i = 0; i < all.size(); ++i) log::info("{} is set aside: {}", all[i].directory, lies_in_[i]);
  return {};
}

std::vector<std::string> SupersededList::directories() const {
  std::vector<std::string> result;
  std::istringstream lines(note_.read().value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('/')) result.push_back(line);
  }
  return result;
}

bool SupersededList::lies_in_holder() const {
  return std::ranges::any_of(directories(), [](const std::string& directory) {
    return fs::path(directory).parent_path().filename() == holder_name;
  });
}

core::Result<void> SupersededList::add(const std::vector<std::string>& directories) {
  std::string text = note_.read().value_or("");
  const auto known = this->directories();
  for (const auto& directory : directories) {
    if (std::ranges::find(known, directory) == known.end()) text += directory + "\n";
  }
  return note_.write(text);
}

awaitable<core::Result<void>> SupersededList::remove_all() const {
  for (const auto& directory : directories()) log::info("removing {}: it has been replaced", directory);
  if (auto removed = co_await remove_directories(directories()); !removed) {
    co_return core::fail("cannot remove a replaced data directory: " + removed.error().what);
  }
  co_return note_.remove();
}

awaitable<core::Result<void>> remove_directories(std::vector<std::string> directories) {
  if (directories.empty()) co_return core::Result<void>();
  net::SpawnOptions options{.argv = {"nice", "rm", "-rf", "--"}, .capture = true};
  options.argv.insert(options.argv.end(), directories.begin(), directories.end());
  const auto removed = co_await net::run(std::move(options), core::Duration::zero());
  if (!removed) co_return std::unexpected(removed.error());
  if (!removed->ok()) co_return core::fail(removed->output);
  for (const auto& directory : directories) {
    const fs::path holder = fs::path(directory).parent_path();
    if (holder.filename() == holder_name) remove_holder_if_empty(holder.parent_path());
  }
  co_return core::Result<void>();
}

}  // namespace tamada::postgres
