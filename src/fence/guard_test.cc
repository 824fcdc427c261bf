// Tests of the real guard process with a fake server: a process with two children and a data directory.
#include "fence/guard.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "fence/guard_page.h"
#include "net/clock.h"

namespace tamada::fence {
namespace {

using namespace std::chrono_literals;

bool ended_within(int pidfd, std::chrono::milliseconds time) {
  pollfd event{pidfd, POLLIN, 0};
  return poll(&event, 1, static_cast<int>(time.count())) == 1;
}

int open_pidfd(int pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

// A process that looks like a postmaster to the kernel. Each of its children is in its own session, as backends are.
class Server {
 public:
  explicit Server(const std::string& data_dir) {
    int pipe_fds[2];
    EXPECT_EQ(pipe(pipe_fds), 0);
    pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (chdir(data_dir.c_str()) != 0) _exit(1);
      for (int i = 0; i < 2; ++i) {
        const int child = fork();
        if (child == 0) {
          setsid();
          pause();
          _exit(0);
        }
        if (write(pipe_fds[1], &child, sizeof child) != sizeof child) _exit(1);
      }
      for (;;) pause();
    }
    for (auto& child : children) EXPECT_EQ(read(pipe_fds[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    fd = open_pidfd(pid);
    for (int i = 0; i < 2; ++i) child_fds[i] = open_pidfd(children[i]);
    std::ofstream(data_dir + "/postmaster.pid") << pid << "\n" << data_dir << "\n";
  }
  ~Server() {
    kill(pid, SIGKILL);
    for (const int child : children) kill(child, SIGKILL);
    waitpid(pid, nullptr, 0);
    for (const int one : {fd, child_fds[0], child_fds[1]}) close(one);
  }
  bool runs() const { return !ended_within(fd, 0ms); }

  int pid = 0, fd = -1;
  int children[2] = {}, child_fds[2] = {};
};

class GuardTest : public ::testing::Test {
 protected:
  GuardTest() {
    char name[] = "/tmp/tamada-guard-test.XXXXXX";
    data_dir_ = mkdtemp(name);
  }
  ~GuardTest() override { std::filesystem::remove_all(data_dir_); }

  core::Instant in(core::Duration time) { return net::SystemClock().now() + time; }
  std::unique_ptr<Guard> make() { return std::make_unique<Guard>(io_.get_executor(), guard_program(), data_dir_); }
  static Order until(std::optional<core::Instant> at, int postmaster) {
    return {.until = at, .length = 5s, .postmaster = postmaster, .ttl = 5s, .loop_wait = 1s};
  }

  asio::io_context io_;
  std::string data_dir_;
};

TEST_F(GuardTest, EndsEveryProcessOfTheServerAtTheBound) {
  Server server(data_dir_);
  auto guard = make();
  const auto bound = in(1s);
  guard->keep(until(bound, server.pid));
  ASSERT_TRUE(ended_within(server.fd, 10s));
  EXPECT_LE(net::SystemClock().now(), bound + 5s);
  EXPECT_GE(net::SystemClock().now(), bound - 100ms);
  for (const int child : server.child_fds) EXPECT_TRUE(ended_within(child, 5s));
}

TEST_F(GuardTest, EndsAServerThatTheDaemonDidNotReport) {
  Server server(data_dir_);
  auto guard = make();
  guard->keep(until(in(500ms), 0));
  EXPECT_TRUE(ended_within(server.fd, 10s));
}

TEST_F(GuardTest, ALaterBoundOrNoBoundLetsTheServerLive) {
  Server server(data_dir_);
  auto guard = make();
  guard->keep(until(in(400ms), server.pid));
  guard->keep(until(in(60s), server.pid));
  EXPECT_FALSE(ended_within(server.fd, 1s));
  guard->keep(until(in(400ms), server.pid));
  guard->keep(until(std::nullopt, server.pid));
  EXPECT_FALSE(ended_within(server.fd, 1s));
}

TEST_F(GuardTest, SwitchedOffItDoesNothing) {
  Server server(data_dir_);
  auto guard = make();
  guard->enable(false);
  guard->keep(until(in(300ms), server.pid));
  EXPECT_FALSE(ended_within(server.fd, 1s));
}

// The daemon's part runs in a child process, which is killed like a daemon that nobody restarts.
TEST_F(GuardTest, OutlivesItsDaemon) {
  Server server(data_dir_);
  const int daemon = fork();
  if (daemon == 0) {
    auto guard = make();
    guard->keep(until(in(2s), server.pid));
    pause();
  }
  const int daemon_fd = open_pidfd(daemon);
  EXPECT_FALSE(ended_within(server.fd, 500ms));
  kill(daemon, SIGKILL);
  waitpid(daemon, nullptr, 0);
  close(daemon_fd);
  EXPECT_TRUE(ended_within(server.fd, 10s));
}

TEST_F(GuardTest, TheNextDaemonTakesTheBoundOver) {
  Server server(data_dir_);
  const int daemon = fork();
  if (daemon == 0) {
    auto guard = make();
    guard->keep(until(in(3s), server.pid));
    pause();
  }
  auto ready = [this] { return make()->inherited().has_value(); };
  for (int i = 0; i < 200 && !ready(); ++i) poll(nullptr, 0, 10);
  kill(daemon, SIGKILL);
  waitpid(daemon, nullptr, 0);
  auto next = make();
  ASSERT_TRUE(next->inherited());
  EXPECT_LE(*next->inherited(), in(3s));
  next->keep(until(in(60s), server.pid));
  EXPECT_FALSE(ended_within(server.fd, 4s)) << "the former guard must use the new bound or have ended";
  next->keep(until(std::nullopt, server.pid));  // without a bound the guard ends with this process
}

}  // namespace
}  // namespace tamada::fence
