#include "net/files.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "net/clock.h"

namespace tamada::net {
namespace {

TEST(Files, AFileThatCannotBeReadToItsEndGivesNullopt) {
  const auto folder = std::filesystem::temp_directory_path() / ("tamada-files-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  std::ofstream(folder / "text") << std::string("a\0b\n", 4);
  EXPECT_EQ(read_file(folder / "text"), std::string("a\0b\n", 4));
  EXPECT_EQ(read_file(folder / "nosuch"), std::nullopt);
  EXPECT_EQ(read_file(folder), std::nullopt);  // a folder can be opened but not read
  EXPECT_EQ(names_in(folder), std::vector<std::string>{"text"});
  EXPECT_TRUE(names_in(folder / "nosuch").empty());
  EXPECT_TRUE(names_in(folder / "text").empty());
  std::filesystem::remove_all(folder);
}

// The files in /proc of a child that has ended and has not been waited for can be opened but not read.
TEST(Files, TheFilesOfAnEndedProcessGiveNothing) {
  const int child = fork();
  if (child == 0) _exit(0);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  const auto folder = "/proc/" + std::to_string(child);
  EXPECT_EQ(read_file(folder + "/cmdline"), "");
  EXPECT_TRUE(names_in(folder + "/fd").empty());
  EXPECT_EQ(read_file(folder + "/environ").value_or(""), "");
  waitpid(child, nullptr, 0);
  EXPECT_EQ(read_file(folder + "/cmdline"), std::nullopt);
}

}  // namespace
}  // namespace tamada::net
