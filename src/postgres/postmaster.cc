#include "postgres/postmaster.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <cstring>
#include <sstream>

#include "postgres/files.h"

namespace tamada::postgres {
namespace {

constexpr core::Duration process_poll = std::chrono::milliseconds(20);

std::string link_target(const std::string& path) {
  char text[4096];
  const auto size = ::readlink(path.c_str(), text, sizeof text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

std::string proc(int pid, std::string_view what) { return "/proc/" + std::to_string(pid) + "/" + std::string(what); }

// The path of the program that the process runs; empty when there is none, as for a zombie.
std::string program_of(int pid) {
  std::string program = link_target(proc(pid, "exe"));
  constexpr std::string_view deleted = " (deleted)";  // the kernel's suffix after an upgrade of the package
  if (program.ends_with(deleted)) program.erase(program.size() - deleted.size());
  return program.erase(0, program.rfind('/') + 1);
}

// Whether `path` is the directory. It compares inodes, because the directory may have been renamed or be reached
// through a link.
bool is_directory(const std::string& path, const struct stat& data_dir) {
  struct stat directory{};
  return ::stat(path.c_str(), &directory) == 0 && directory.st_dev == data_dir.st_dev &&
         directory.st_ino == data_dir.st_ino;
}

// Whether `pid` runs postgres with data_dir as its working directory, which every process of a server has.
bool serves(int pid, const struct stat& data_dir) {
  const auto program = program_of(pid);
  return (program == "postgres" || program == "postmaster") && is_directory(proc(pid, "cwd"), data_dir);
}

// Whether `pid` is a pg_rewind of this directory. Its daemon may have been killed.
bool rewinds(int pid, const struct stat& data_dir) {
  if (program_of(pid) != "pg_rewind") return false;
  std::istringstream arguments(read_file(proc(pid, "cmdline")).value_or(""));
  for (std::string argument; std::getline(arguments, argument, '\0');) {
    if (is_directory(argument, data_dir)) return true;
  }
  return false;
}

awaitable<void> next_process_poll() {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(process_poll));
  co_await timer.async_wait(use_awaitable);
}

awaitable<bool> until_gone(std::string data_dir, core::Duration timeout, bool kill) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto processes = server_processes(data_dir);
    if (processes.empty()) co_return true;
    if (std::chrono::steady_clock::now() >= deadline) co_return false;
    for (const int pid : processes) {
      if (kill) ::kill(pid, SIGKILL);
    }
    co_await next_process_poll();
  }
}

}  // namespace

std::vector<int> server_processes(const std::string& data_dir) {
  std::vector<int> result;
  struct stat wanted{};
  DIR* directory = ::stat(data_dir.c_str(), &wanted) == 0 ? ::opendir("/proc") : nullptr;
  if (!directory) return result;
  while (const dirent* entry = ::readdir(directory)) {
    int pid = 0;
    const char* end = entry->d_name + std::strlen(entry->d_name);
    const auto [stopped, failed] = std::from_chars(entry->d_name, end, pid);
    if (failed == std::errc() && stopped == end && (serves(pid, wanted) || rewinds(pid, wanted))) result.push_back(pid);
  }
  ::closedir(directory);
  return result;
}

awaitable<bool> kill_server_processes(std::string data_dir, core::Duration timeout) {
  return until_gone(std::move(data_dir), timeout, true);
}

awaitable<bool> server_processes_gone(std::string data_dir, core::Duration timeout) {
  return until_gone(std::move(data_dir), timeout, false);
}

std::optional<PostmasterPid> read_postmaster_pid(const std::string& data_dir) {
  const auto text = read_file(data_dir + "/postmaster.pid");
  return text ? parse_postmaster_pid(*text) : std::nullopt;
}

std::shared_ptr<Postmaster> Postmaster::find(const asio::any_io_executor& executor, const std::string& data_dir) {
  const auto file = read_postmaster_pid(data_dir);
  struct stat directory{};
  if (!file || file->pid <= 0 || ::stat(data_dir.c_str(), &directory) != 0) return nullptr;
  auto found = std::make_shared<Postmaster>(executor, file->pid, std::nullopt);
  // This is checked after the process is held by its pidfd, so the pid cannot pass to another process in between.
  return serves(file->pid, directory) && found->alive() ? found : nullptr;
}

core::Result<std::shared_ptr<Postmaster>> Postmaster::launch(const asio::any_io_executor& executor,
                                                             std::vector<std::string> argv,
                                                             const std::string& data_dir) {
  net::SpawnOptions options{.argv = std::move(argv),
                            // PostgreSQL must not see the passwords in PATRONI_*.
                            .unset = {"PATRONI_*"},
                            .new_session = true,
                            .essential = true};
  // A stale postmaster.pid prevents the start if another process has its pid now. Removing the file could hit a server
  // that is just starting. This variable tells postgres to ignore that pid; Patroni uses it, too.
  if (const auto stale = read_postmaster_pid(data_dir); stale && stale->pid > 0) {
    struct stat directory{};
    const bool ours = ::stat(data_dir.c_str(), &directory) == 0 && serves(stale->pid, directory);
    if (!ours) options.env.emplace_back("PG_GRANDPARENT_PID", std::to_string(stale->pid));
  }
  auto child = net::Process::spawn(executor, std::move(options));
  if (!child) return std::unexpected(child.error());
  const int pid = child->pid();
  return std::make_shared<Postmaster>(executor, pid, std::move(*child));
}

Postmaster::Postmaster(const asio::any_io_executor& executor, int pid, std::optional<net::Process> child)
    : pid_(pid), watch_(executor, pid), child_(std::move(child)) {}

awaitable<bool> Postmaster::ended_within(core::Duration timeout) { return watch_.ended_within(timeout); }

}  // namespace tamada::postgres
