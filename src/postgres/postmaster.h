// The postmaster's process, started by us or found running.
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

// Every process of the server in data_dir, orphans of a killed postmaster included: they run postgres in that
// directory. So does a pg_rewind of it that has outlived its daemon: whatever is made there, it would go on to change.
std::vector<int> server_processes(const std::string& data_dir);

// SIGKILL to all of them, again and again until none is left, for at most `timeout`.
awaitable<bool> kill_server_processes(std::string data_dir, core::Duration timeout);
// Waits for them to end by themselves. false: some are left.
awaitable<bool> server_processes_gone(std::string data_dir, core::Duration timeout);

class Postmaster {
 public:
  // Through postmaster.pid; nullptr when nothing runs there.
  static std::shared_ptr<Postmaster> find(const asio::any_io_executor& executor, const std::string& data_dir);
  // The server lives in a session of its own, so that it outlives us.
  static core::Result<std::shared_ptr<Postmaster>> launch(const asio::any_io_executor& executor,
                                                          std::vector<std::string> argv, const std::string& data_dir);

  Postmaster(const asio::any_io_executor& executor, int pid, std::optional<net::Process> child);

  int pid() const { return pid_; }
  bool alive() const { return !watch_.has_ended(); }
  void signal(int number) { watch_.signal(number); }
  awaitable<bool> ended_within(core::Duration timeout);  // zero: no limit

  bool asked_to_stop = false;  // its end is no crash then
  bool seen_running = false;   // it accepted connections once

 private:
  int pid_;
  net::ExitWatch watch_;
  std::optional<net::Process> child_;  // reaps it
};

// postmaster.pid, when it is there and readable.
std::optional<PostmasterPid> read_postmaster_pid(const std::string& data_dir);

}  // namespace tamada::postgres
