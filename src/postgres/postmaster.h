// The postmaster's process, whether this daemon started it or found it running.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/types.h"
#include "net/asio.h"
#include "net/process.h"
#include "postgres/postmaster_pid.h"

namespace tamada::postgres {

// Every process of the server in data_dir, and orphans of a killed postmaster: they run postgres in that directory. A
// pg_rewind of the directory that has outlived its daemon is included, because it would go on to change whatever is
// made there.
std::vector<int> server_processes(const std::string& data_dir);

// Sends SIGKILL to all of them, again and again until none is left, for at most `timeout`.
awaitable<bool> kill_server_processes(std::string data_dir, core::Duration timeout);
// Waits until they have ended by themselves. Returns false when some are left.
awaitable<bool> server_processes_gone(std::string data_dir, core::Duration timeout);

class Postmaster {
 public:
  // Finds it by postmaster.pid; nullptr when no server runs there.
  static std::shared_ptr<Postmaster> find(const asio::any_io_executor& executor, const std::string& data_dir);
  // The server gets a session of its own, so that it outlives this daemon.
  static core::Result<std::shared_ptr<Postmaster>> launch(const asio::any_io_executor& executor,
                                                          std::vector<std::string> argv, const std::string& data_dir);

  Postmaster(const asio::any_io_executor& executor, int pid, std::optional<net::Process> child);

  int pid() const { return pid_; }
  bool alive() const { return !watch_.has_ended(); }
  void signal(int number) { watch_.signal(number); }
  awaitable<bool> ended_within(core::Duration timeout);  // zero: no limit

  bool asked_to_stop = false;  // then its end does not count as a crash
  bool seen_running = false;   // whether it has accepted connections once

 private:
  int pid_;
  net::ExitWatch watch_;
  std::optional<net::Process> child_;  // collects its exit status
};

// The contents of postmaster.pid; nullopt when the file cannot be read.
std::optional<PostmasterPid> read_postmaster_pid(const std::string& data_dir);

}  // namespace tamada::postgres
