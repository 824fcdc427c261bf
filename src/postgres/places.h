// Directories that hold a cluster: the data directory, and those to which pg_wal and the tablespaces lead. Each of them
// may be a mount point, which cannot be renamed. Then data that are set aside, and an unfinished copy, are in a
// directory inside it that this program makes, called the holder.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace tamada::postgres {

// The programs of PostgreSQL 10 to 18 ignore a directory of this name. Base backups leave out names that begin with
// pgsql_tmp, on every level. pg_rewind copies nothing whose path contains "/pgsql_tmp". pg_checksums reads only
// PostgreSQL's own folders. Source: PostgreSQL, "Base Backup", "pg_rewind", section "How It Works"; basebackup.c,
// filemap.c, pg_checksums.c.
inline constexpr std::string_view holder_name = "pgsql_tmp_tamada";

std::string holder_of(const std::string& directory);
// The path of `name` in the holder of `directory`.
std::string held(const std::string& directory, std::string_view name);
core::Result<void> make_holder(const std::string& directory);
void remove_holder_if_empty(const std::string& directory);

// The names in `directory` that count as its contents. By Patroni's rule hidden files and a file system's lost+found do
// not count; our holder does not, either.
std::vector<std::string> entries_of(const std::string& directory);
bool is_vacant(const std::string& directory);           // no name that counts, or no such directory
bool is_empty_or_absent(const std::string& directory);  // nothing at all there, as initdb and pg_basebackup require
bool belongs_to_file_system(std::string_view name);     // a hidden file, lost+found, or our holder

// Moves entries into `to` on the same file system; `to` is created if it does not exist. Nothing is overwritten.
core::Result<void> move_entries(const std::string& from, const std::vector<std::string>& names, const std::string& to);

// Asks the kernel, so it is true also for bind mounts.
bool is_mount_point(const std::string& directory);
// The mount points at `path` or below it.
std::vector<std::string> mount_points_from(const std::string& path);

// A file about the data directory that the next run of the daemon has to find. It is beside the directory. It is in the
// holder if nothing can be written beside the directory, or if the directory is a mount point, because files beside a
// mount point may vanish with a container.
class Note {
 public:
  Note(std::string data_dir, std::string_view name);
  std::optional<std::string> read() const;
  bool exists() const;
  // stay_empty: nothing may be written into the data directory, so the note is beside it even if it is a mount point.
  core::Result<void> write(std::string_view text, bool stay_empty = false) const;
  core::Result<void> remove() const;

 private:
  std::string inside() const { return held(data_dir_, name_); }
  std::string data_dir_, name_, beside_;
};

}  // namespace tamada::postgres
