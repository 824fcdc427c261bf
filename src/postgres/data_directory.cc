#include "postgres/data_directory.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <sstream>

#include "net/disk.h"
#include "net/log.h"
#include "net/process.h"
#include "postgres/files.h"
#include "postgres/postmaster_pid.h"
#include "postgres/tree.h"

namespace tamada::postgres {
namespace {

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
    if (!is_vacant(paths_.data_dir)) {
      result.kind = kind_of_mark(core::DataDirectory::unusable);
    }
    co_return result;
  }
  const Stamp now{status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
  if (!control_ || (fresh && now != read_at_)) {
    net::SpawnOptions options{.argv = {paths_.program("pg_controldata"), paths_.data_dir},
                              .env = {{"LC_ALL", "C"}, {"LANG", "C"}},
                              .capture = true};
    const auto exited = co_await net::run(std::move(options), timeout);
    if (!exited) {  // the machine is busy, which says nothing about the directory
      if (exited.error().what != no_answer_) log::warning("{}", exited.error().what);
      no_answer_ = exited.error().what;
      result.kind = kind_of_mark(core::DataDirectory::valid);
      if (!fresh) result.control = control_;
      co_return result;
    }
    no_answer_.clear();
    control_ = exited->ok() ? parse_controldata(exited->output) : std::nullopt;
    if (!control_) log::warning("pg_controldata: {}", exited->output);
    read_at_ = now;
  }
  result.control = control_;
  result.kind = kind_of_mark(control_ ? core::DataDirectory::valid : core::DataDirectory::unusable);
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

Unfinished Unfinished::parse(const std::string& text) {
  Unfinished result;
  std::istringstream lines(text);
  std::getline(lines, result.what);
  for (std::string line; std::getline(lines, line);) {
    const auto space = line.find(' ');
    if (space == std::string::npos) continue;
    const auto key = line.substr(0, space);
    if (key == "place") result.places.push_back({.directory = line.substr(space + 1)});
    if (key == "only" && !result.places.empty()) result.places.back().prefix = line.substr(space + 1);
    if (key == "tree") result.tree = line.substr(space + 1);
    if (key == "error") result.error = line.substr(space + 1);
  }
  return result;
}

std::string Unfinished::text() const {
  std::string result = what + "\n";
  for (const auto& place : places) {
    result += "place " + place.directory + "\n";
    if (!place.prefix.empty()) result += "only " + place.prefix + "\n";
  }
  if (!tree.empty()) result += "tree " + tree + "\n";
  if (!error.empty()) result += "error " + error + "\n";
  return result;
}

namespace {
// The directory in holders for files that are being removed.
constexpr const char* rubbish = "removed";

std::vector<std::string> entries_of_place(const Unfinished::Place& place) {
  auto names = entries_of(place.directory);
  std::erase_if(names, [&](const std::string& name) { return !name.starts_with(place.prefix); });
  return names;
}
}  // namespace

std::optional<Unfinished> DataDirectory::unfinished() const {
  const auto text = mark_.read();
  return text ? std::optional(Unfinished::parse(*text)) : std::nullopt;
}

core::Result<void> DataDirectory::mark_incomplete(std::string what, std::vector<Unfinished::Place> places,
                                                  bool stay_empty) {
  return mark_.write(Unfinished{.what = std::move(what), .places = std::move(places)}.text(), stay_empty);
}

namespace {

// A text that changes with the files. After a power cut files may have contents that do not match their times, so a
// restart of the machine changes it, too.
std::string state_of_tree(const std::string& data_dir) {
  auto boot = read_file("/proc/sys/kernel/random/boot_id").value_or("");
  if (boot.ends_with('\n')) boot.pop_back();
  const auto fingerprint = fingerprint_of_tree(data_dir);
  return boot.empty() || fingerprint.empty() ? "" : boot + " " + fingerprint;
}

}  // namespace

core::Result<void> DataDirectory::mark_rewind() {
  return mark_.write(Unfinished{.what = rewind_begun, .tree = state_of_tree(paths_.data_dir)}.text());
}

bool DataDirectory::half_rewound() const {
  const auto mark = unfinished();
  return mark && mark->what == rewind_begun;
}

std::string DataDirectory::rewind_error() const {
  const auto mark = unfinished();
  return mark ? mark->error : "";
}

bool DataDirectory::unchanged_by_rewind() const {
  const auto mark = unfinished();
  return mark && !mark->tree.empty() && state_of_tree(paths_.data_dir) == mark->tree;
}

core::Result<void> DataDirectory::note_rewind_error(std::string error) {
  auto mark = unfinished().value_or(Unfinished{.what = rewind_begun});
  std::ranges::replace(error, '\n', ' ');
  mark.error = std::move(error);
  return mark_.write(mark.text());
}

core::DataDirectory DataDirectory::kind_of_mark(core::DataDirectory unmarked) const {
  if (!incomplete()) return unmarked;
  return half_rewound() && !plan_.exists() ? core::DataDirectory::half_rewound : core::DataDirectory::incomplete;
}

int DataDirectory::wal_to_archive() const {
  const auto names = entries_of(paths_.in_data_dir("pg_wal/archive_status"));
  return static_cast<int>(std::ranges::count_if(names, [](const auto& name) { return name.ends_with(".ready"); }));
}

core::ControlState DataDirectory::control_state() const {
  const auto head = read_file(paths_.in_data_dir("global/pg_control"));
  return head ? parse_control_state(*head).value_or(core::ControlState::unknown) : core::ControlState::unknown;
}

std::string DataDirectory::promotion_mark() const { return paths_.in_data_dir("tamada.promotion"); }

// Identifies the running server by its process id and start time, because process ids are used again.
std::optional<std::string> DataDirectory::running_server() const {
  const auto text = read_file(paths_.in_data_dir("postmaster.pid"));
  const auto file = text ? parse_postmaster_pid(*text) : std::nullopt;
  if (!file) return std::nullopt;
  return std::to_string(file->pid) + " " + std::to_string(file->start_time) + "\n";
}

core::Result<void> DataDirectory::mark_promotion() const {
  const auto server = running_server();
  if (!server) return core::fail("cannot read postmaster.pid");
  // The file is not flushed: a promotion must not wait for the disk, and a power cut that loses the file ends the
  // server, too.
  std::ofstream file(promotion_mark());
  file << *server << std::flush;
  return file ? core::Result<void>() : core::fail("cannot write " + promotion_mark());
}

bool DataDirectory::promotion_begun() const {
  if (exists(paths_.in_data_dir("promote"))) return true;  // PostgreSQL has not read the request to promote yet
  const auto mark = read_file(promotion_mark());
  const auto server = mark ? running_server() : std::nullopt;
  return mark && (!server || *mark == *server);
}

void DataDirectory::withdraw_promotion() const { ::unlink(paths_.in_data_dir("promote").c_str()); }

void DataDirectory::promotion_ended() const { ::unlink(promotion_mark().c_str()); }

// Whether a copy was begun and has not ended. If an operator has restored a cluster by hand where a copy was only
// planned, this is false.
bool DataDirectory::incomplete() const {
  const auto mark = unfinished();
  return (mark && mark->what != copy_to_come) || plan_.exists();
}

bool DataDirectory::copy_follows() const {
  const auto mark = unfinished();
  return (mark && mark->what != initdb_begun) || plan_.exists();
}

core::Result<void> DataDirectory::mark_complete() { return mark_.remove(); }

bool DataDirectory::anything_left() const {
  const auto mark = unfinished();
  if (!is_vacant(paths_.data_dir)) return true;
  return mark && std::ranges::any_of(mark->places, [](const auto& place) { return !entries_of_place(place).empty(); });
}

core::Result<void> DataDirectory::set_aside(bool superseded) {
  if (auto finished = finish_setting_aside(); !finished) return finished;
  if (is_vacant(paths_.data_dir)) {
    if (!superseded) return mark_complete();
    // Only the mark tells which files an unfinished copy left in other places.
    const auto mark = unfinished();
    return mark && !mark->places.empty() ? mark_incomplete("basebackup", mark->places) : mark_incomplete(copy_to_come);
  }
  if (!has_control_file() && !incomplete() && major_version() == 0) {
    return core::fail(paths_.data_dir + " is no PostgreSQL data directory; it is left alone");
  }
  auto plan = SettingAside::plan(paths_.data_dir, timestamp(), superseded);
  if (!plan) return std::unexpected(plan.error());
  if (auto written = plan_.write(plan->text()); !written) return written;
  return carry_out(*std::move(plan));
}

namespace {

std::string in_megabytes(double bytes) { return std::to_string(static_cast<long long>(bytes / 1048576)) + " MB"; }

struct Usage {
  double used = 0, free = 0;
  std::string directory;
};

// Calls `take` with the bytes and the path of each line of du; other lines are its complaints.
template <class Take>
void for_each_of_du(const std::string& output, Take take) {
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    const auto tab = line.find('\t');
    double used = 0;
    const auto [end, failed] = std::from_chars(line.data(), line.data() + line.size(), used);
    if (failed != std::errc() || tab == std::string::npos || end != line.data() + tab) continue;
    take(used, line.substr(tab + 1));
  }
}

// Adds up the lines of du by file system.
std::map<dev_t, Usage> usage_of(const std::string& du_output) {
  std::map<dev_t, Usage> result;
  for_each_of_du(du_output, [&](double used, const std::string& directory) {
    struct stat status{};
    struct statvfs file_system{};
    if (::stat(directory.c_str(), &status) != 0 || ::statvfs(directory.c_str(), &file_system) != 0) return;
    auto& usage = result[status.st_dev];
    usage.used += used;
    usage.free = static_cast<double>(file_system.f_bavail) * static_cast<double>(file_system.f_frsize);
    if (usage.directory.empty()) usage.directory = directory;
  });
  return result;
}

}  // namespace

// The new copy is assumed to be as large as the data that it replaces.
awaitable<std::string> DataDirectory::obstacle_to_replacing(bool keep, core::Duration timeout) const {
  if (is_vacant(paths_.data_dir)) co_return std::string();
  const auto plan = SettingAside::plan(paths_.data_dir, "planned", true);
  if (!plan) co_return plan.error().what;
  if (!keep) co_return std::string();
  net::SpawnOptions options{.argv = {"du", "--summarize", "--block-size=1", "--one-file-system",
                                     "--exclude=" + std::string(holder_name), "--"},
                            .capture = true};
  for (auto& directory : plan->directories()) options.argv.push_back(std::move(directory));
  const auto measured = co_await net::run(std::move(options), timeout);
  if (!measured) co_return std::string();
  for (const auto& [device, usage] : usage_of(measured->output)) {
    if (usage.used <= usage.free) continue;
    co_return "there is no room for a fresh copy beside the data that it replaces: they take " +
        in_megabytes(usage.used) + " on the file system of " + usage.directory + ", where " + in_megabytes(usage.free) +
        " are free";
  }
  co_return std::string();
}

awaitable<core::Result<core::DataSize>> DataDirectory::size(core::Duration timeout) const {
  if (is_vacant(paths_.data_dir)) co_return core::DataSize{};
  std::error_code error;
  const auto wal = std::filesystem::canonical(paths_.data_dir + "/pg_wal", error).string();
  net::SpawnOptions options{.argv = {"nice", "du", "--summarize", "--block-size=1", "--one-file-system",
                                     "--exclude=" + std::string(holder_name), "--"},
                            .capture = true};
  // du counts each file once, so what it has counted as WAL is not in the lines of the directories after it.
  if (!error) options.argv.push_back(wal);
  for (auto& path : SettingAside::paths_of(paths_.data_dir)) {
    if (path != wal) options.argv.push_back(std::move(path));
  }
  const auto measured = co_await net::run(std::move(options), timeout);
  if (!measured) co_return core::fail("counting the files failed: " + measured.error().what);
  core::DataSize size;
  bool any = false;
  // Files vanish while the server runs. du complains, and counts the others.
  for_each_of_du(measured->output, [&](double used, const std::string& path) {
    any = true;
    (path == wal ? size.wal : size.data) += static_cast<std::uint64_t>(used);
  });
  if (!any) co_return core::fail("counting the files failed: " + measured->output);
  co_return size;
}

core::Result<void> DataDirectory::finish_setting_aside() {
  const auto text = plan_.read();
  if (!text) return {};
  auto plan = SettingAside::read(*text);
  if (!plan) return std::unexpected(plan.error());
  auto done = carry_out(*std::move(plan));
  if (done) log::info("{} was being set aside when the daemon ended; that is done now", paths_.data_dir);
  return done;
}

core::Result<void> DataDirectory::carry_out(SettingAside plan) {
  control_.reset();
  if (auto done = plan.carry_out(); !done) {
    if (plan.is_undone()) (void)plan_.remove();
    return done;
  }
  if (plan.superseded()) {
    if (auto listed = superseded_.add(plan.lies_in()); !listed) {
      log::warning("{} has to be removed by hand: {}", plan.lies_in().front(), listed.error().what);
    }
    if (auto marked = mark_incomplete(copy_to_come); !marked) return marked;
  } else if (auto unmarked = mark_complete(); !unmarked) {
    return unmarked;
  }
  return plan_.remove();
}

awaitable<core::Result<void>> DataDirectory::clear_holders() {
  if (superseded_.lies_in_holder()) {
    if (auto removed = co_await superseded_.remove_all(); !removed) co_return removed;
  }
  const auto plan = SettingAside::plan(paths_.data_dir, "planned", false);
  if (!plan) co_return core::Result<void>();
  for (const auto& directory : plan->directories()) {
    for (const auto& entry : entries_of(holder_of(directory))) {
      struct stat status{};
      const auto path = holder_of(directory) + "/" + entry;
      if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) continue;
      co_return core::fail("pg_rewind would remove " + path + ": move it away, or remove it");
    }
  }
  co_return core::Result<void>();
}

awaitable<core::Result<void>> DataDirectory::make_room(bool for_copy) {
  if (auto finished = co_await net::on_disk_thread([this] { return finish_setting_aside(); }); !finished) {
    co_return finished;
  }
  const auto mark = unfinished();
  // A cluster is set aside even if it is marked as incomplete, because an operator may have restored it since.
  if (!is_vacant(paths_.data_dir) && (has_control_file() || !incomplete())) {
    auto aside = co_await net::on_disk_thread([this, for_copy] { return set_aside(for_copy); });
    if (!aside) co_return aside;
  }
  if (!mark || mark->what == copy_to_come) co_return core::Result<void>();
  co_return co_await remove_unfinished(*mark);
}

// A mount point cannot be renamed, and removing a large directory takes long, so its entries are first moved out of the
// way.
awaitable<core::Result<void>> DataDirectory::remove_unfinished(Unfinished mark) {
  mark.places.insert(mark.places.begin(), {.directory = paths_.data_dir});
  std::vector<std::string> holds;
  for (const auto& place : mark.places) {
    for (const char* name : {rubbish, copy_in_holder, increment_in_holder, base_in_holder}) {
      if (exists(held(place.directory, name))) holds.push_back(held(place.directory, name));
    }
  }
  auto removed = co_await remove_directories(holds);
  holds.clear();
  for (const auto& place : mark.places) {
    const auto names = entries_of_place(place);
    if (!removed || names.empty()) continue;
    log::info("removing what an unfinished copy left in {}", place.directory);
    holds.push_back(held(place.directory, rubbish));
    removed = co_await net::on_disk_thread(
        [from = place.directory, names, to = holds.back()] { return move_entries(from, names, to); });
  }
  if (removed) removed = co_await remove_directories(holds);
  if (!removed) co_return core::fail("cannot remove an incomplete data directory: " + removed.error().what);
  co_return core::Result<void>();
}

}  // namespace tamada::postgres
