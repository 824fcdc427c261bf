// Starts child processes and waits for them on the loop, with posix_spawn and pidfd and without SIGCHLD.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/types.h"
#include "net/asio.h"

namespace tamada::net {

// How a child is started. It gets its own process group, /dev/null or the given text as its input, default signals, and
// none of our descriptors except the passed one.
struct SpawnOptions {
  std::vector<std::string> argv;                         // argv[0] is looked up in PATH when it has no slash
  std::vector<std::pair<std::string, std::string>> env;  // variables that are added to our environment, or replace a
                                                         // variable of it
  std::vector<std::string> unset;                        // variables that are removed from our environment; a trailing
                                                         // * stands for any ending
  bool new_session = false;                              // setsid, so that a signal to our process group does not reach
                                                         // the child
  // Whether the child keeps our oom_score_adj. If PG_OOM_ADJUST_FILE is set, other children get PG_OOM_ADJUST_VALUE, as
  // PostgreSQL's backends do, so that the kernel kills a script or a copy that takes all memory before it kills
  // PostgreSQL.
  bool essential = false;
  std::optional<std::string> input;  // what the child reads from its standard input
  int pass = -1;                     // a descriptor of ours that the child gets as `passed_as`
  static constexpr int passed_as = 3;
  bool capture = false;  // stdout and stderr go to a pipe of the caller; otherwise they are inherited
  std::function<void(std::string_view line)>
      on_line;  // with capture: called with each line as it comes, without its end (\n or \r)
};

struct Exited {
  int status = 0;  // exit status, or 128 + signal
  bool signalled = false;
  std::string output;  // with capture: the last 64 KiB
  bool ok() const { return status == 0; }
};

class Process {
 public:
  static core::Result<Process> spawn(asio::any_io_executor executor, SpawnOptions options);
  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;
  ~Process();  // does not end the process, but leaves no zombie while the loop runs

  int pid() const;
  void signal(int number);
  void signal_group(int number);
  awaitable<Exited> wait();  // if it is cancelled, the process goes on

 private:
  struct Impl;
  explicit Process(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// Spawns the process and waits for it. When this is cancelled, or after `timeout` (zero: no limit), the process group
// gets SIGTERM, and after 2 s SIGKILL. An error when the process could not be started, or when `timeout` passed.
awaitable<core::Result<Exited>> run(SpawnOptions options, core::Duration timeout);

// Reports the end of any process at once, whether it is a child or not.
class ExitWatch {
 public:
  ExitWatch(asio::any_io_executor executor, int pid);  // ok() is false when there is no such process
  ~ExitWatch();
  bool ok() const;
  bool has_ended() const;   // checks without waiting
  void signal(int number);  // goes to this process, never to a later one with the same pid
  awaitable<void> ended();
  awaitable<bool> ended_within(core::Duration timeout);  // zero: no limit. Returns false when the process still runs

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Protects the passwords in the memory of this process: no core dump is made of it, and only root can trace it, unless
// the environment says TAMADA_CORE_DUMPS=1. The system's limits decide about core dumps of children.
void keep_memory_out_of_core_dumps();

}  // namespace tamada::net
