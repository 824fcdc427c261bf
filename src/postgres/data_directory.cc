#include "postgres/data_directory.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>

#include "net/log.h"
#include "net/process.h"
#include "postgres/files.h"

namespace tamada::postgres {
namespace {

// Patroni's rule: hidden files and a file system's lost+found do not count.
bool is_empty_or_absent(const std::string& path) {
  DIR* directory = ::opendir(path.c_str());
  if (!directory) return errno == ENOENT;
  bool empty = true;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with('.') && name != "lost+found") empty = false;
  }
  ::closedir(directory);
  return empty;
}

std::string timestamp() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d-%H-%M-%S", &local);
  return text;
}

}  // namespace

bool DataDirectory::has_control_file() const { return exists(paths_.in_data_dir("global/pg_control")); }

awaitable<DataDirectory::Look> DataDirectory::look(bool fresh, core::Duration timeout) {
  Look result;
  struct stat status{};
  const std::string control_file = paths_.in_data_dir("global/pg_control");
  if (::stat(control_file.c_str(), &status) != 0) {
    control_.reset();
    if (!is_empty_or_absent(paths_.data_dir)) {
      result.kind = incomplete() ? core::DataDirectory::incomplete : core::DataDirectory::unusable;
    }
    co_return result;
  }
  const Stamp now{status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
  if (!control_ || (fresh && now != read_at_)) {
    net::SpawnOptions options{.argv = {paths_.program("pg_controldata"), paths_.data_dir},
                              .env = {{"LC_ALL", "C"}, {"LANG", "C"}},
                              .capture = true};
    const auto exited = co_await net::run(std::move(options), timeout);
    control_ = exited && exited->ok() ? parse_controldata(exited->output) : std::nullopt;
    if (!control_) log::warning("{}", exited ? "pg_controldata: " + exited->output : exited.error().what);
    read_at_ = now;
  }
  result.control = control_;
  result.kind = control_ ? core::DataDirectory::valid : core::DataDirectory::unusable;
  if (incomplete()) result.kind = core::DataDirectory::incomplete;
  co_return result;
}

int DataDirectory::major_version() const {
  const auto text = read_file(paths_.in_data_dir("PG_VERSION")).value_or("");
  int major = 0;
  std::from_chars(text.data(), text.data() + text.size(), major);
  return major >= 10 ? major * 10000 : 0;
}

bool DataDirectory::standby_signal() const {
  return exists(paths_.standby_signal) || exists(paths_.recovery_conf) || exists(paths_.recovery_signal);
}

core::Result<void> DataDirectory::mark_incomplete(std::string what) { return write_file(marker(), what + "\n", 0600); }

// An operator may restore a cluster by hand where a copy was to come.
bool DataDirectory::incomplete() const {
  const auto mark = read_file(marker());
  return mark && *mark != std::string(copy_to_come) + "\n";
}

bool DataDirectory::copy_follows() const {
  const auto mark = read_file(marker());
  return mark && *mark != std::string(initdb_begun) + "\n";
}

core::Result<void> DataDirectory::mark_complete() { return remove_if_exists(marker()); }

core::Result<void> DataDirectory::set_aside(bool superseded) {
  if (is_empty_or_absent(paths_.data_dir)) return mark_complete();
  if (!has_control_file() && !incomplete() && major_version() == 0) {
    return core::fail(paths_.data_dir + " is no PostgreSQL data directory; it is left alone");
  }
  std::string suffix = timestamp();
  for (int copy = 1; exists(paths_.data_dir + "_" + suffix); ++copy) suffix = timestamp() + "_" + std::to_string(copy);
  const auto aside = rename_aside(paths_.data_dir, suffix);
  if (!aside) return std::unexpected(aside.error());
  log::info("renamed data directory to {}", *aside);
  control_.reset();
  if (superseded) {
    if (auto listed = superseded_.add(*aside); !listed)
      log::warning("it has to be removed by hand: {}", listed.error().what);
  }
  return mark_complete();
}

awaitable<core::Result<void>> DataDirectory::make_room(bool for_copy) {
  if (is_empty_or_absent(paths_.data_dir)) co_return core::Result<void>();
  // Also when marked as incomplete: an operator may have restored a cluster into it since.
  if (has_control_file() || !incomplete()) co_return set_aside(for_copy);

  const std::string rubbish = paths_.data_dir + ".incomplete_removed";
  net::SpawnOptions options{.argv = {"rm", "-rf", "--", rubbish}, .capture = true};
  // A mount point cannot be renamed, nor can it be when a former removal was interrupted: then it is emptied in place.
  if (::rename(paths_.data_dir.c_str(), rubbish.c_str()) != 0) {
    options.argv = {"sh",   "-c", "rm -rf -- \"$2\"; exec find \"$1\" -mindepth 1 -delete", "sh", paths_.data_dir,
                    rubbish};
  }
  const auto removed = co_await net::run(std::move(options), core::Duration::zero());
  if (!removed) co_return std::unexpected(removed.error());
  if (!removed->ok()) co_return core::fail("cannot remove an incomplete data directory: " + removed->output);
  co_return core::Result<void>();
}

}  // namespace tamada::postgres
