// Tests with the driver "testing", which writes to a pipe the bytes that the kernel's device would get.
#include "fence/watchdog.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace tamada::fence {
namespace {

using namespace std::chrono_literals;
using Mode = WatchdogOptions::Mode;

class WatchdogTest : public ::testing::Test {
 protected:
  WatchdogTest() {
    char name[] = "/tmp/tamada-watchdog-test.XXXXXX";
    folder_ = mkdtemp(name);
    options_ = {.mode = Mode::required, .device = folder_ + "/device", .testing = true};
    mkfifo(options_.device.c_str(), 0600);
    reader_ = open(options_.device.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  }
  ~WatchdogTest() override {
    close(reader_);
    std::filesystem::remove_all(folder_);
  }

  std::string written() {
    char text[256];
    const auto length = read(reader_, text, sizeof text);
    return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : "";
  }
  static Order order(std::optional<core::Duration> until, core::Duration ttl = 21s) {
    Order one{.ttl = ttl, .loop_wait = 10s};
    if (until) one.until = core::Instant(*until);
    return one;
  }

  std::string folder_;
  WatchdogOptions options_;
  int reader_ = -1;
};

TEST_F(WatchdogTest, OpensPingsOncePerRenewalAndDisarms) {
  Watchdog watchdog(options_);
  EXPECT_EQ(written(), "");
  watchdog.keep(order(100s));
  EXPECT_EQ(written(), "Ctimeout=16\n1");
  watchdog.keep(order(100s));
  EXPECT_EQ(written(), "") << "the lease was not renewed, so there must be no ping";
  watchdog.keep(order(110s));
  EXPECT_EQ(written(), "1");
  watchdog.keep(order(std::nullopt));
  EXPECT_EQ(written(), "V");
}

TEST_F(WatchdogTest, FollowsTheTtl) {
  Watchdog watchdog(options_);
  watchdog.keep(order(100s));
  written();
  watchdog.keep(order(110s, 30s));
  EXPECT_EQ(written(), "Ctimeout=25\n1");
}

TEST_F(WatchdogTest, HalfOfTheTtl) {
  options_.safety_margin_s = -1;
  Watchdog watchdog(options_);
  watchdog.keep(order(100s));
  EXPECT_EQ(written(), "Ctimeout=10\n1");
}

TEST_F(WatchdogTest, SwitchedOff) {
  Watchdog watchdog(options_);
  watchdog.keep(order(100s));
  written();
  options_.mode = Mode::off;
  watchdog.configure(options_);
  EXPECT_EQ(written(), "V");
  watchdog.keep(order(110s));
  EXPECT_EQ(written(), "");
}

TEST_F(WatchdogTest, RequiredAndMissing) {
  options_.device = folder_ + "/missing";
  Watchdog watchdog(options_);
  EXPECT_FALSE(watchdog.view().usable) << "this must be known before a promotion";
  EXPECT_NE(watchdog.view().trouble.find("No such file"), std::string::npos);
  watchdog.keep(order(100s));
  EXPECT_FALSE(watchdog.view().usable);
}

TEST_F(WatchdogTest, AutomaticAndMissing) {
  options_.device = folder_ + "/missing";
  options_.mode = Mode::automatic;
  Watchdog watchdog(options_);
  watchdog.keep(order(100s));
  EXPECT_TRUE(watchdog.view().usable);
}

TEST_F(WatchdogTest, RequiredAndTooSlow) {
  Watchdog watchdog(options_);
  watchdog.keep(order(100s, 12s));  // 12 s - 5 s is less than loop_wait
  EXPECT_FALSE(watchdog.view().usable);
  EXPECT_EQ(written(), "");
}

}  // namespace
}  // namespace tamada::fence
