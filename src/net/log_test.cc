#include "net/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <regex>
#include <string>
#include <vector>

namespace tamada::log {
namespace {

// Redirects a descriptor of this process into a pipe for the lifetime of the object.
class Captured {
 public:
  explicit Captured(int fd) : fd_(fd), saved_(::dup(fd)) {
    EXPECT_EQ(::pipe(pipe_), 0);
    ::dup2(pipe_[1], fd_);
    ::close(pipe_[1]);
  }
  ~Captured() {
    restore();
    ::close(pipe_[0]);
  }
  std::vector<std::string> lines() {
    restore();  // closes the last writer, so that the reader sees the end
    std::string text;
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(pipe_[0], buffer, sizeof buffer)) > 0;) text.append(buffer, n);
    std::vector<std::string> lines;
    for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != text.npos; at = end + 1) {
      lines.push_back(text.substr(at, end - at));
    }
    return lines;
  }

 private:
  void restore() {
    if (saved_ < 0) return;
    ::dup2(saved_, fd_);
    ::close(saved_);
    saved_ = -1;
  }
  int fd_, saved_, pipe_[2] = {};
};

TEST(Log, NewlinesInForeignTextsStartNoLine) {
  Captured out(STDOUT_FILENO);
  start(Level::debug);
  info("a\n2020-01-01 00:00:00,000 ERROR: forged\r\x1b[2J\tb\n\n");
  stop();
  const auto lines = out.lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0].ends_with(" INFO: a"));
  EXPECT_EQ(lines[1], "\t2020-01-01 00:00:00,000 ERROR: forged\\x0d\\x1b[2J\tb");
}

TEST(Log, LinesHaveTheFormatOfPythonsLogging) {
  Captured out(STDOUT_FILENO);
  start(Level::debug);
  debug("a {}", 1);
  info("b");
  warning("c");
  error("d");
  critical("100% {{}} of {}", "{}");
  stop();
  auto lines = out.lines();
  ASSERT_EQ(lines.size(), 5u);
  const std::regex stamp(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} )");
  const char* texts[] = {"DEBUG: a 1", "INFO: b", "WARNING: c", "ERROR: d", "CRITICAL: 100% {} of {}"};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    ASSERT_GT(lines[i].size(), 24u);
    EXPECT_TRUE(std::regex_match(lines[i].substr(0, 24), stamp)) << lines[i];
    EXPECT_EQ(lines[i].substr(24), texts[i]);
  }
}

TEST(Log, LevelsBelowTheMinimumAreLeftOut) {
  Captured out(STDOUT_FILENO);
  start(Level::warning);
  info("no");
  warning("yes");
  set_level(Level::info);
  info("now");
  stop();
  auto lines = out.lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0].ends_with("WARNING: yes"));
  EXPECT_TRUE(lines[1].ends_with("INFO: now"));
}

TEST(Log, BeforeStartAndAfterStopLinesGoToStderr) {
  Captured err(STDERR_FILENO);
  set_level(Level::info);
  info("early");
  start(Level::info);
  stop();
  info("late");
  auto lines = err.lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0].ends_with("INFO: early"));
  EXPECT_TRUE(lines[1].ends_with("INFO: late"));
}

TEST(Log, AReaderThatStopsReadingDoesNotBlockTheProgram) {
  // Nobody reads while we write. The pipe takes 64 KiB, and then the log's thread is blocked.
  int saved = ::dup(STDOUT_FILENO);
  int ends[2] = {};
  ASSERT_EQ(::pipe(ends), 0);
  ::dup2(ends[1], STDOUT_FILENO);
  start(Level::info);
  auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 10000; ++i) info("{}", std::string(100, 'x'));
  info("the last line");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
  stop();  // gives up after two seconds
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
  // Only the oldest lines may be lost. Reading frees the blocked thread before the test ends.
  std::string text;
  char buffer[4096];
  while (!text.ends_with("the last line\n")) {
    auto n = ::read(ends[0], buffer, sizeof buffer);
    ASSERT_GT(n, 0);
    text.append(buffer, static_cast<std::size_t>(n));
  }
  EXPECT_LT(text.size(), 10000u * 100);
  ::dup2(saved, STDOUT_FILENO);
  for (int fd : {saved, ends[0], ends[1]}) ::close(fd);
}

}  // namespace
}  // namespace tamada::log
