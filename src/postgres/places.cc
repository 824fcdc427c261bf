#include "postgres/places.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sstream>

#include "postgres/files.h"

namespace tamada::postgres {
namespace {

// Decodes a name in /proc/self/mountinfo, where space, tab, newline and backslash are written as \ooo.
std::string without_octal(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      const auto digit = [&](std::size_t at) { return text[at] - '0'; };
      result += static_cast<char>(digit(i + 1) * 64 + digit(i + 2) * 8 + digit(i + 3));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

// Source: proc(5), /proc/pid/mountinfo: the fifth field is the mount point.
std::vector<std::string> all_mount_points() {
  std::vector<std::string> result;
  std::istringstream lines(read_file("/proc/self/mountinfo").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    for (int i = 0; i < 5; ++i) words >> word;
    result.push_back(without_octal(word));
  }
  return result;
}

std::string canonical(const std::string& path) {
  std::error_code error;
  const auto found = std::filesystem::canonical(path, error);
  return error ? path : found.string();
}

template <typename Visit>
bool for_each_entry(const std::string& directory, Visit visit) {
  DIR* const open = ::opendir(directory.c_str());
  if (!open) return errno == ENOENT;
  while (const dirent* entry = ::readdir(open)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") visit(name);
  }
  ::closedir(open);
  return true;
}

}  // namespace

std::string holder_of(const std::string& directory) { return directory + "/" + std::string(holder_name); }

std::string held(const std::string& directory, std::string_view name) {
  return holder_of(directory) + "/pgsql_tmp_" + std::string(name);
}

core::Result<void> make_holder(const std::string& directory) {
  if (::mkdir(holder_of(directory).c_str(), 0700) == 0) return flush_entry(holder_of(directory));
  if (errno == EEXIST) return {};
  return core::fail("cannot make " + holder_of(directory) + ": " + std::strerror(errno));
}

void remove_holder_if_empty(const std::string& directory) { ::rmdir(holder_of(directory).c_str()); }

bool belongs_to_file_system(std::string_view name) {
  return name.starts_with('.') || name == "lost+found" || name == holder_name;
}

std::vector<std::string> entries_of(const std::string& directory) {
  std::vector<std::string> result;
  for_each_entry(directory, [&](std::string_view name) {
    if (!belongs_to_file_system(name)) result.emplace_back(name);
  });
  std::ranges::sort(result);
  return result;
}

bool is_vacant(const std::string& directory) {
  bool vacant = true;
  const bool readable =
      for_each_entry(directory, [&](std::string_view name) { vacant = vacant && belongs_to_file_system(name); });
  return readable && vacant;
}

bool is_empty_or_absent(const std::string& directory) {
  bool empty = true;
  const bool readable = for_each_entry(directory, [&](std::string_view) { empty = false; });
  return readable && empty;
}

core::Result<void> move_entries(const std::string& from, const std::vector<std::string>& names, const std::string& to) {
  if (to.starts_with(holder_of(from) + "/")) {
    if (auto made = make_holder(from); !made) return made;
  }
  if (::mkdir(to.c_str(), 0700) != 0 && errno != EEXIST) {
    return core::fail("cannot make " + to + ": " + std::strerror(errno));
  }
  if (auto there = flush_entry(to); !there) return there;
  for (const auto& name : names) {
    const auto old_path = from + "/" + name, new_path = to + "/" + name;
    if (::renameat2(AT_FDCWD, old_path.c_str(), AT_FDCWD, new_path.c_str(), RENAME_NOREPLACE) == 0) continue;
    return core::fail("cannot rename " + old_path + " to " + new_path + ": " + std::strerror(errno));
  }
  // flush_entry() flushes the folder of a path, so any name in the two folders will do.
  if (auto there = flush_entry(to + "/entries"); !there) return there;
  return flush_entry(from + "/entries");
}

bool is_mount_point(const std::string& directory) {
  const auto points = all_mount_points();
  return std::ranges::find(points, canonical(directory)) != points.end();
}

std::vector<std::string> mount_points_from(const std::string& path) {
  const auto from = canonical(path);
  auto found = all_mount_points();
  std::erase_if(found, [&](const std::string& point) { return point != from && !point.starts_with(from + "/"); });
  return found;
}

Note::Note(std::string data_dir, std::string_view name)
    : data_dir_(std::move(data_dir)), name_(name), beside_(data_dir_ + "." + name_) {}

std::optional<std::string> Note::read() const {
  auto text = read_file(inside());
  return text ? text : read_file(beside_);
}

bool Note::exists() const { return postgres::exists(inside()) || postgres::exists(beside_); }

core::Result<void> Note::write(std::string_view text, bool stay_empty) const {
  const auto beside = write_file(beside_, text, 0600);
  if (stay_empty || (beside && !is_mount_point(data_dir_))) {
    if (beside) (void)remove_if_exists(inside());  // otherwise a note inside the directory would be read first
    return beside;
  }
  const auto made = make_holder(data_dir_);
  auto inside_too = made ? write_file(inside(), text, 0600) : made;
  if (inside_too) inside_too = flush_entry(holder_of(data_dir_));
  return inside_too || !beside ? inside_too : beside;
}

core::Result<void> Note::remove() const {
  if (auto removed = remove_if_exists(inside()); !removed) return removed;
  remove_holder_if_empty(data_dir_);
  return remove_if_exists(beside_);
}

}  // namespace tamada::postgres
