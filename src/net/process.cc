#include "net/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "net/expiry.h"

extern char** environ;

namespace tamada::net {

using asio::posix::stream_descriptor;
using boost::system::error_code;

namespace {

constexpr std::size_t output_bytes_max = 64 * 1024;
constexpr std::size_t line_bytes_max = 8 * 1024;
constexpr core::Duration kill_after = std::chrono::seconds(2);

int pidfd_open(int pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

// strerror is not thread-safe, but only one thread calls it.
std::string error_text(int number) { return std::strerror(number); }

bool named(std::string_view variable, std::string_view name) {
  const auto equals = variable.find('=');
  const auto have = variable.substr(0, equals);
  if (name.ends_with('*')) return have.starts_with(name.substr(0, name.size() - 1));
  return have == name;
}

std::vector<std::string> child_environment(const SpawnOptions& options) {
  std::vector<std::string> result;
  for (char** at = environ; *at; ++at) {
    const std::string_view variable = *at;
    bool dropped = false;
    for (const auto& name : options.unset) dropped = dropped || named(variable, name);
    for (const auto& [name, value] : options.env) dropped = dropped || named(variable, name);
    if (!dropped) result.emplace_back(variable);
  }
  for (const auto& [name, value] : options.env) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (auto& each : strings) result.push_back(each.data());
  result.push_back(nullptr);
  return result;
}

// Sets the child's oom_score_adj back. The child inherits ours, by which the kernel spares the daemon when memory runs
// out. PostgreSQL's backends do the same by the same variables (its documentation, "Linux Memory Overcommit").
void spare_no_longer(int pid) {
  if (!std::getenv("PG_OOM_ADJUST_FILE")) return;
  const char* value = std::getenv("PG_OOM_ADJUST_VALUE");
  std::ofstream(fmt::format("/proc/{}/oom_score_adj", pid)) << (value ? value : "0");
}

// The two parameter objects of posix_spawn, which are freed together.
struct SpawnSetup {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;

  SpawnSetup(bool new_session, int input_fd, int output_fd, int passed_fd) {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    if (input_fd >= 0) {
      posix_spawn_file_actions_adddup2(&files, input_fd, 0);
    } else {
      posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    }
    if (output_fd >= 0) {
      posix_spawn_file_actions_adddup2(&files, output_fd, 1);
      posix_spawn_file_actions_adddup2(&files, output_fd, 2);
    }
    if (passed_fd >= 0) posix_spawn_file_actions_adddup2(&files, passed_fd, SpawnOptions::passed_as);
    // Asio opens sockets without CLOEXEC, and PostgreSQL, which outlives the daemon, would keep the daemon's ports.
    posix_spawn_file_actions_addclosefrom_np(&files, SpawnOptions::passed_as + (passed_fd >= 0 ? 1 : 0));
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes,
                             static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                (new_session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP)));
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
};

// An unnamed file in memory with this text, at its beginning: unlike a pipe it needs nobody who writes while the child
// reads. -1: there is no memory for it.
int file_in_memory(std::string_view text) {
  const int fd = ::memfd_create("input", MFD_CLOEXEC);
  while (fd >= 0 && !text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      ::close(fd);
      return -1;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (fd >= 0) ::lseek(fd, 0, SEEK_SET);
  return fd;
}

}  // namespace

struct Process::Impl : std::enable_shared_from_this<Impl> {
  Impl(const asio::any_io_executor& executor, int child, int pidfd_number)
      : pid(child), pidfd(executor, pidfd_number), pipe(executor) {}

  int pid;
  stream_descriptor pidfd;
  stream_descriptor pipe;
  std::function<void(std::string_view)> on_line;
  std::string output, line;
  bool reaped = false;
  bool end_group = false;  // at the end of the process, the remaining processes of its group are killed, too
  Exited exited;

  void take(std::string_view data) {
    output.append(data);
    if (output.size() > 2 * output_bytes_max) output.erase(0, output.size() - output_bytes_max);
    if (!on_line) return;
    for (const char c : data) {
      if (c != '\n' && c != '\r') {
        line.push_back(c);
        if (line.size() < line_bytes_max) continue;
      }
      flush_line();
    }
  }

  void flush_line() {
    if (on_line && !line.empty()) on_line(line);
    line.clear();
  }

  // Reads everything that the pipe contains now. Returns false at the end of the pipe.
  bool read_available() {
    std::array<char, 4096> chunk;
    while (pipe.is_open()) {
      error_code error;
      const std::size_t size = pipe.read_some(asio::buffer(chunk), error);
      if (error == asio::error::would_block || error == asio::error::try_again) return true;
      if (error) return false;
      take({chunk.data(), size});
    }
    return false;
  }

  void read_on() {
    pipe.async_wait(stream_descriptor::wait_read, [self = shared_from_this()](const error_code& error) {
      if (error || !self->pipe.is_open()) return;
      if (self->read_available()) {
        self->read_on();
      } else {
        self->close_pipe();
      }
    });
  }

  void close_pipe() {
    error_code ignored;
    pipe.close(ignored);
  }

  // Collects the status of the ended process. It does not wait for output of grandchildren.
  void reap() {
    if (reaped) return;
    siginfo_t info{};
    const int failed = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
    if (failed == 0 && info.si_pid == 0) return;  // it still runs: see ExitWatch::ended_within
    if (end_group) ::kill(-pid, SIGKILL);
    ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG);
    reaped = true;
    exited.signalled = info.si_code != CLD_EXITED;
    exited.status = exited.signalled ? 128 + info.si_status : info.si_status;
    read_available();
    flush_line();
    close_pipe();
    if (output.size() > output_bytes_max) output.erase(0, output.size() - output_bytes_max);
    exited.output = std::move(output);
  }

  void reap_later() {
    pidfd.async_wait(stream_descriptor::wait_read, [self = shared_from_this()](const error_code& error) {
      if (error) return;
      self->reap();
      if (!self->reaped) self->reap_later();
    });
  }
};

core::Result<Process> Process::spawn(asio::any_io_executor executor, SpawnOptions options) {
  if (options.argv.empty()) return core::fail("cannot start a process without a name");
  const int input = options.input ? file_in_memory(*options.input) : -1;
  if (options.input && input < 0) return core::fail("memfd_create: " + error_text(errno));
  int ends[2] = {-1, -1};
  if (options.capture && ::pipe2(ends, O_CLOEXEC) != 0) {
    const int error = errno;
    if (input >= 0) ::close(input);
    return core::fail("pipe: " + error_text(error));
  }
  auto environment = child_environment(options);
  auto environment_pointers = pointers(environment);
  auto arguments = options.argv;
  auto argument_pointers = pointers(arguments);
  const SpawnSetup setup(options.new_session, input, ends[1], options.pass);
  pid_t pid = 0;
  const int failed = ::posix_spawnp(&pid, argument_pointers[0], &setup.files, &setup.attributes,
                                    argument_pointers.data(), environment_pointers.data());
  if (ends[1] >= 0) ::close(ends[1]);
  if (input >= 0) ::close(input);
  if (failed) {
    if (ends[0] >= 0) ::close(ends[0]);
    return core::fail(fmt::format("cannot run {}: {}", options.argv[0], error_text(failed)));
  }
  if (!options.essential) spare_no_longer(pid);
  const int pidfd = pidfd_open(pid);
  if (pidfd < 0) {
    const int error = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    if (ends[0] >= 0) ::close(ends[0]);
    return core::fail("pidfd_open: " + error_text(error));
  }
  auto impl = std::make_shared<Impl>(executor, pid, pidfd);
  if (options.capture) {
    impl->on_line = std::move(options.on_line);
    impl->pipe.assign(ends[0]);
    impl->pipe.non_blocking(true);
    impl->read_on();
  }
  return Process(std::move(impl));
}

Process::Process(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

Process::~Process() {
  if (!impl_ || impl_->reaped) return;
  impl_->on_line = nullptr;
  impl_->reap_later();
}

int Process::pid() const { return impl_->pid; }

void Process::signal(int number) {
  if (!impl_->reaped) ::kill(impl_->pid, number);
}

void Process::signal_group(int number) {
  if (!impl_->reaped) ::kill(-impl_->pid, number);
}

awaitable<Exited> Process::wait() {
  const auto impl = impl_;
  while (!impl->reaped) {
    const auto [error] = co_await impl->pidfd.async_wait(stream_descriptor::wait_read, asio::as_tuple(use_awaitable));
    if (error) throw boost::system::system_error(error);
    impl->reap();
  }
  co_return impl->exited;
}

namespace {

// Ends the process group with SIGTERM first. The deadline calls it again.
struct Ender {
  Process* process;
  bool polite = true;
  void operator()(Expiry& deadline) {
    process->signal_group(polite ? SIGTERM : SIGKILL);
    process->signal_group(SIGCONT);
    if (polite) deadline.rearm(kill_after);
    polite = false;
  }
};

}  // namespace

awaitable<core::Result<Exited>> run(SpawnOptions options, core::Duration timeout) {
  const auto executor = co_await asio::this_coro::executor;
  const std::string name = options.argv.empty() ? "" : options.argv[0];
  auto process = Process::spawn(executor, std::move(options));
  if (!process) co_return std::unexpected(process.error());
  Ender ender{&*process};
  Expiry* self = nullptr;
  Expiry deadline(executor, timeout, [&ender, &self] { ender(*self); });
  self = &deadline;
  bool cancelled = false;
  Exited exited;
  try {
    exited = co_await process->wait();
  } catch (const boost::system::system_error& error) {
    if (error.code() != asio::error::operation_aborted) throw;
    cancelled = true;
  }
  if (cancelled) {
    // Cancelling does not end this coroutine before its process has ended, because nothing that a cancelled job has
    // started may outlive the job.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    ender(deadline);
    exited = co_await process->wait();
    throw boost::system::system_error(asio::error::operation_aborted);
  }
  if (deadline.expired()) {
    co_return core::fail(fmt::format("{} did not end within {} s", name,
                                     std::chrono::duration_cast<std::chrono::seconds>(timeout).count()));
  }
  co_return exited;
}

struct ExitWatch::Impl {
  explicit Impl(asio::any_io_executor given) : executor(std::move(given)) {}
  asio::any_io_executor executor;
  int pidfd = -1;
};

ExitWatch::ExitWatch(asio::any_io_executor executor, int pid) : impl_(std::make_unique<Impl>(std::move(executor))) {
  if (pid > 0) impl_->pidfd = pidfd_open(pid);
}

ExitWatch::~ExitWatch() {
  if (impl_->pidfd >= 0) ::close(impl_->pidfd);
}

bool ExitWatch::ok() const { return impl_->pidfd >= 0; }

bool ExitWatch::has_ended() const {
  if (!ok()) return true;
  pollfd look{impl_->pidfd, POLLIN, 0};
  return ::poll(&look, 1, 0) == 1;
}

void ExitWatch::signal(int number) {
  if (ok()) ::syscall(SYS_pidfd_send_signal, impl_->pidfd, number, nullptr, 0);
}

awaitable<void> ExitWatch::ended() { co_await ended_within(core::Duration::zero()); }

awaitable<bool> ExitWatch::ended_within(core::Duration timeout) {
  if (has_ended()) co_return true;
  // Each waiter has its own descriptor, because the deadline of one must not end the waiting of the others.
  auto descriptor = std::make_shared<stream_descriptor>(impl_->executor, ::fcntl(impl_->pidfd, F_DUPFD_CLOEXEC, 3));
  Expiry deadline(impl_->executor, timeout, [descriptor] { descriptor->cancel(); });
  // A wake does not prove that the process has ended: Asio may give a new descriptor an event of a closed one that had
  // the same number.
  for (;;) {
    const auto [error] = co_await descriptor->async_wait(stream_descriptor::wait_read, asio::as_tuple(use_awaitable));
    if (has_ended()) co_return true;
    if (deadline.expired()) co_return false;
    if (error) throw boost::system::system_error(error);
  }
}

void keep_memory_out_of_core_dumps() {
  const char* wanted = std::getenv("TAMADA_CORE_DUMPS");
  if (!wanted || std::string_view(wanted) != "1") ::prctl(PR_SET_DUMPABLE, 0);  // an exec sets it to 1 again
}

}  // namespace tamada::net
