#include "net/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

namespace tamada::net {
namespace {

using namespace std::chrono_literals;

struct ProcessTest : testing::Test {
  asio::io_context io{1};

  template <class T>
  T complete(awaitable<T> work) {
    std::optional<T> result;
    std::exception_ptr failure;
    asio::co_spawn(io, std::move(work), [&](std::exception_ptr error, T value) {
      failure = error;
      result.emplace(std::move(value));
    });
    io.restart();
    io.run();
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
  }

  core::Result<Exited> shell(std::string script, core::Duration timeout = 10s) {
    SpawnOptions options{.argv = {"sh", "-c", std::move(script)}, .capture = true};
    return complete(run(std::move(options), timeout));
  }
};

TEST_F(ProcessTest, TellsExitStatusAndOutputOfBothStreams) {
  const auto exited = shell("echo out; echo err >&2; exit 3");
  ASSERT_TRUE(exited) << exited.error().what;
  EXPECT_EQ(exited->status, 3);
  EXPECT_FALSE(exited->signalled);
  EXPECT_EQ(exited->output, "out\nerr\n");
}

TEST_F(ProcessTest, ReadsItsInput) {
  const auto read = [this](std::optional<std::string> input) {
    SpawnOptions options{.argv = {"wc", "-c"}, .input = std::move(input), .capture = true};
    return complete(run(std::move(options), 10s))->output;
  };
  EXPECT_EQ(read("two\nlines"), "9\n");
  EXPECT_EQ(read(std::string(1 << 20, 'x')), "1048576\n");  // more than a pipe holds
  EXPECT_EQ(read(""), "0\n");
  EXPECT_EQ(read(std::nullopt), "0\n");
}

TEST_F(ProcessTest, TellsTheSignalThatEndedIt) {
  const auto exited = shell("kill -9 $$");
  ASSERT_TRUE(exited);
  EXPECT_TRUE(exited->signalled);
  EXPECT_EQ(exited->status, 128 + SIGKILL);
}

TEST_F(ProcessTest, ProgramThatIsNotThere) {
  const auto exited = complete(run({.argv = {"/nonexistent/program"}}, 1s));
  ASSERT_FALSE(exited);
  EXPECT_NE(exited.error().what.find("/nonexistent/program"), std::string::npos);
}

TEST_F(ProcessTest, ManyLinesAndTheLastWithoutItsEnd) {
  std::vector<std::string> lines;
  SpawnOptions options{.argv = {"sh", "-c", "printf 'a\\rb\\n\\nc'"}, .capture = true};
  options.on_line = [&](std::string_view line) { lines.emplace_back(line); };
  ASSERT_TRUE(complete(run(std::move(options), 10s)));
  EXPECT_EQ(lines, (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(ProcessTest, KeepsOnlyTheEndOfMuchOutput) {
  const auto exited = shell("seq 1 200000");
  ASSERT_TRUE(exited);
  EXPECT_EQ(exited->output.size(), 64u * 1024);
  EXPECT_TRUE(exited->output.ends_with("\n200000\n"));
}

TEST_F(ProcessTest, Environment) {
  ::setenv("TAMADA_TEST_KEPT", "old", 1);
  ::setenv("TAMADA_TEST_DROPPED_A", "x", 1);
  SpawnOptions options{.argv = {"sh", "-c", "echo $TAMADA_TEST_KEPT-$TAMADA_TEST_DROPPED_A-$TAMADA_TEST_ADDED"},
                       .env = {{"TAMADA_TEST_KEPT", "new"}, {"TAMADA_TEST_ADDED", "y"}},
                       .unset = {"TAMADA_TEST_DROPPED_*"},
                       .capture = true};
  const auto exited = complete(run(std::move(options), 10s));
  ASSERT_TRUE(exited);
  EXPECT_EQ(exited->output, "new--y\n");
}

TEST_F(ProcessTest, AChildInheritsNoDescriptors) {
  const int leaking = ::socket(AF_UNIX, SOCK_STREAM, 0);
  // No shell runs ls, because a shell opens pipes itself. Descriptor 3 is the folder that ls reads.
  const auto exited = complete(run({.argv = {"ls", "/proc/self/fd"}, .capture = true}, 10s));
  ::close(leaking);
  ASSERT_TRUE(exited);
  EXPECT_EQ(exited->output, "0\n1\n2\n3\n");
}

TEST_F(ProcessTest, TimeoutEndsTheWholeGroup) {
  const auto started = std::chrono::steady_clock::now();
  const auto exited = shell("sleep 60 & sleep 60", 100ms);
  EXPECT_FALSE(exited);
  EXPECT_LT(std::chrono::steady_clock::now() - started, 5s);
}

TEST_F(ProcessTest, TimeoutKillsWhatIgnoresSigterm) {
  const auto exited = shell("trap '' TERM; while :; do sleep 0.1; done", 50ms);
  EXPECT_FALSE(exited);
}

TEST_F(ProcessTest, CancellationEndsTheProcess) {
  asio::cancellation_signal cancel;
  std::exception_ptr failure;
  std::string pid_line;
  SpawnOptions options{.argv = {"sh", "-c", "echo $$; sleep 60"}, .capture = true};
  options.on_line = [&](std::string_view line) {
    pid_line = line;
    cancel.emit(asio::cancellation_type::all);
  };
  asio::co_spawn(io, run(std::move(options), 0s),
                 asio::bind_cancellation_slot(
                     cancel.slot(), [&](std::exception_ptr error, core::Result<Exited>) { failure = error; }));
  io.run();
  EXPECT_TRUE(failure);
  ASSERT_FALSE(pid_line.empty());
  EXPECT_EQ(::kill(std::stoi(pid_line), 0), -1);  // the process has ended and was reaped
}

TEST_F(ProcessTest, DroppedProcessIsReaped) {
  int pid = 0;
  {
    auto process = Process::spawn(io.get_executor(), {.argv = {"true"}});
    ASSERT_TRUE(process);
    pid = process->pid();
  }
  io.run();
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(ProcessTest, ExitWatchSeesTheEndAtOnce) {
  auto process = Process::spawn(io.get_executor(), {.argv = {"sleep", "60"}});
  ASSERT_TRUE(process);
  ExitWatch watch(io.get_executor(), process->pid());
  ASSERT_TRUE(watch.ok());
  EXPECT_FALSE(watch.has_ended());
  EXPECT_FALSE(complete(watch.ended_within(20ms)));
  process->signal(SIGKILL);
  EXPECT_TRUE(complete(watch.ended_within(10s)));
  EXPECT_TRUE(watch.has_ended());
}

TEST_F(ProcessTest, TheEndOfOneProcessIsNotTheEndOfAnother) {
  auto one = Process::spawn(io.get_executor(), {.argv = {"sleep", "60"}});
  auto other = Process::spawn(io.get_executor(), {.argv = {"sleep", "60"}});
  ASSERT_TRUE(one && other);
  ExitWatch watch_one(io.get_executor(), one->pid()), watch_other(io.get_executor(), other->pid());
  EXPECT_FALSE(complete(watch_one.ended_within(20ms)));
  one->signal(SIGKILL);
  EXPECT_FALSE(complete(watch_other.ended_within(300ms)));
  EXPECT_TRUE(watch_one.has_ended());
  other->signal(SIGKILL);
  EXPECT_TRUE(complete(watch_other.ended_within(10s)));
}

TEST_F(ProcessTest, ExitWatchOfNobody) { EXPECT_FALSE(ExitWatch(io.get_executor(), 0x3ffffff0).ok()); }

}  // namespace
}  // namespace tamada::net
