#include "agent/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "api/test_snapshot.h"

namespace tamada::agent {
namespace {

using namespace std::chrono_literals;
namespace scene = api::test;

TEST(StatusLine, TellsRoleAndLease) {
  EXPECT_EQ(status_line(scene::leader()), "primary, running, timeline 1; holds the leader lease (ttl 30 s)");
  EXPECT_EQ(status_line(scene::replica()), "replica, running, timeline 1; the leader is n0");

  auto cut_off = scene::leader();
  cut_off.seen.dcs.ok = false;
  EXPECT_EQ(status_line(cut_off), "primary, running, timeline 1; etcd does not answer");

  auto leaderless = scene::replica();
  leaderless.seen.cluster.leader.reset();
  leaderless.seen.settings.pause = true;
  EXPECT_EQ(status_line(leaderless), "replica, running, timeline 1; no leader; paused");
}

class SettableClock final : public net::Clock {
 public:
  core::Instant now() const override { return at; }
  core::WallTime wall() const override { return {}; }
  awaitable<void> sleep_until(core::Instant) override { co_return; }
  core::Instant at = scene::at(scene::noon);
};

// Listens on an abstract socket name as systemd does.
class ServiceManagerTest : public testing::Test {
 protected:
  ServiceManagerTest() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    const std::string name = "@tamada-service-" + std::to_string(::getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data() + 1, name.size() - 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~ServiceManagerTest() override { ::close(fd_); }

  std::string told() {
    char data[512];
    const auto size = ::recv(fd_, data, sizeof data, 0);
    return size < 0 ? "" : std::string(data, static_cast<std::size_t>(size));
  }
  void publish(api::Snapshot snapshot) { board_.publish(std::make_shared<const api::Snapshot>(std::move(snapshot))); }

  asio::io_context io_;
  SettableClock clock_;
  api::Board board_;

 private:
  int fd_;
};

TEST_F(ServiceManagerTest, IsReadyOnceAndTellsChangesOnly) {
  ServiceManager manager(io_.get_executor(), clock_, board_, net::NotifySocket::take_from_environment());
  EXPECT_EQ(told(), "");
  publish(scene::replica());
  EXPECT_EQ(told(), "READY=1\nSTATUS=replica, running, timeline 1; the leader is n0\n");
  publish(scene::replica());
  EXPECT_EQ(told(), "");
  publish(scene::leader());
  EXPECT_EQ(told(), "STATUS=primary, running, timeline 1; holds the leader lease (ttl 30 s)\n");
  manager.stopping();
  EXPECT_EQ(told(), "STOPPING=1\n");
}

TEST_F(ServiceManagerTest, AReloadEndsWithTheNextPublication) {
  ServiceManager manager(io_.get_executor(), clock_, board_, net::NotifySocket::take_from_environment());
  publish(scene::replica());
  told();
  manager.reloading();
  EXPECT_TRUE(told().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  publish(scene::replica());
  EXPECT_EQ(told(), "") << "the files have not been read again yet";
  manager.reloaded();
  publish(scene::replica());
  EXPECT_EQ(told(), "READY=1\n");
}

TEST_F(ServiceManagerTest, TheWatchdogIsFedWhileTheAgentPublishes) {
  ::setenv("WATCHDOG_USEC", "30000", 1);
  publish(scene::leader());
  ServiceManager manager(io_.get_executor(), clock_, board_, net::NotifySocket::take_from_environment());
  EXPECT_EQ(told(), "WATCHDOG=1\n");
  io_.run_for(100ms);
  EXPECT_EQ(told(), "WATCHDOG=1\n");
  while (!told().empty()) {
  }
  clock_.at += 31s;  // no publication in all that time means that the agent hangs
  io_.run_for(100ms);
  EXPECT_EQ(told(), "");
}

}  // namespace
}  // namespace tamada::agent
