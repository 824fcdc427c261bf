// Child processes on the loop: posix_spawn and pidfd, no SIGCHLD.
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

// A child has a process group of its own, /dev/null as its input, default signals, and none of our descriptors but
// the one that is passed.
struct SpawnOptions {
  std::vector<std::string> argv;                         // argv[0] is looked up in PATH when it has no slash
  std::vector<std::pair<std::string, std::string>> env;  // added to our environment, or replacing variables of it
  std::vector<std::string> unset;                        // removed from ours; a trailing * stands for any ending
  bool new_session = false;                              // setsid: a signal to our group does not reach it
  // Keeps our oom_score_adj. Others get PG_OOM_ADJUST_VALUE, as PostgreSQL's backends do, where PG_OOM_ADJUST_FILE is
  // set: a script or a copy that takes all memory is ended before PostgreSQL is.
  bool essential = false;
  int pass = -1;  // a descriptor of ours that becomes the child's `passed_as`
  static constexpr int passed_as = 3;
  bool capture = false;  // stdout and stderr to the caller's pipe; else inherited
  std::function<void(std::string_view line)>
      on_line;  // with capture: each line as it comes, without its end (\n or \r)
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
  awaitable<Exited> wait();  // cancellable; the process goes on then

 private:
  struct Impl;
  explicit Process(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// spawn and wait. When cancelled, or after `timeout` (zero: none), the process's group gets SIGTERM, then after 2 s
// SIGKILL. An error: it could not be started, or `timeout` passed.
awaitable<core::Result<Exited>> run(SpawnOptions options, core::Duration timeout);

// Reports the end of any process at once, whether it is a child or not.
class ExitWatch {
 public:
  ExitWatch(asio::any_io_executor executor, int pid);  // ok() is false when there is no such process
  ~ExitWatch();
  bool ok() const;
  bool has_ended() const;   // looks, without waiting
  void signal(int number);  // to that very process, never to a later one of the same pid
  awaitable<void> ended();
  awaitable<bool> ended_within(core::Duration timeout);  // zero: no limit. false: it still runs

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The memory of this process holds passwords: no core dump is made of it, and nobody but root traces it, unless the
// environment says TAMADA_CORE_DUMPS=1. The system's limits decide about core dumps of children.
void keep_memory_out_of_core_dumps();

}  // namespace tamada::net
