#include "net/notify_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace tamada::net {
namespace {

// The socket of systemd, bound to `name`. An abstract name begins with '@'.
class Receiver {
 public:
  explicit Receiver(std::string name) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (name[0] == '@') name[0] = '\0';
    std::memcpy(address.sun_path, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    bound = ::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0;
  }
  ~Receiver() { ::close(fd_); }
  std::string next() {
    char data[512];
    const auto size = ::recv(fd_, data, sizeof data, 0);
    return size < 0 ? "" : std::string(data, static_cast<std::size_t>(size));
  }
  bool bound = false;

 private:
  int fd_;
};

struct NotifySocketTest : testing::Test {
  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
};

TEST_F(NotifySocketTest, SendsToAFileAndToAnAbstractName) {
  const std::string file = testing::TempDir() + "/notify-" + std::to_string(::getpid());
  for (const std::string& name : {file, "@tamada-test-" + std::to_string(::getpid())}) {
    Receiver systemd(name);
    ASSERT_TRUE(systemd.bound) << name;
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    auto socket = NotifySocket::take_from_environment();
    EXPECT_TRUE(socket.listened());
    socket.send("READY=1\n");
    EXPECT_EQ(systemd.next(), "READY=1\n") << name;
  }
  ::unlink(file.c_str());
}

TEST_F(NotifySocketTest, RemovesItFromTheEnvironment) {
  ::setenv("NOTIFY_SOCKET", "/nowhere/notify", 1);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  auto socket = NotifySocket::take_from_environment();
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) EXPECT_EQ(std::getenv(name), nullptr);
  EXPECT_EQ(socket.watchdog(), std::chrono::seconds(30));
  socket.send("READY=1\n");  // sending without a receiver has no effect
}

TEST_F(NotifySocketTest, AWatchdogOfAnotherProcessIsNotOurs) {
  ::setenv("NOTIFY_SOCKET", "/nowhere/notify", 1);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(NotifySocket::take_from_environment().watchdog());
}

TEST_F(NotifySocketTest, WithoutSystemdNothingIsSent) {
  EXPECT_FALSE(NotifySocket::take_from_environment().listened());
  ::setenv("NOTIFY_SOCKET", "relative", 1);
  EXPECT_FALSE(NotifySocket::take_from_environment().listened());
  NotifySocket().send("READY=1\n");
}

}  // namespace
}  // namespace tamada::net
