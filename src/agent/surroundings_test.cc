#include "agent/surroundings.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <future>

#include "net/disk.h"
#include "net/test_support.h"

namespace tamada::agent {
namespace {

using namespace std::chrono_literals;
using net::test::tcp;

class SurroundingsTest : public ::testing::Test {
 protected:
  ~SurroundingsTest() override { net::test::finish_other_threads(); }

  diagnosis::Surroundings look() {
    diagnosis::Surroundings found;
    net::test::run(io, [&]() -> awaitable<void> { found = co_await surroundings.look(local); });
    return found;
  }

  asio::io_context io{1};
  net::SystemClock clock;
  config::Local local;
  int asked = 0;
  std::optional<core::Result<std::vector<std::string>>> rights =
      std::vector<std::string>{"pg_stat_file(text, boolean)"};
  Surroundings surroundings{
      io.get_executor(), clock,
      [this](std::string user, core::Duration) -> awaitable<std::optional<core::Result<std::vector<std::string>>>> {
        EXPECT_EQ(user, "rewinder");
        ++asked;
        co_return rights;
      }};
};

TEST_F(SurroundingsTest, EachServerOfEtcdIsAskedByItself) {
  net::test::RawServer well(io, [](tcp::socket& socket, int) -> awaitable<void> {
    const auto request = co_await net::test::read_until(socket, "{}");
    EXPECT_TRUE(request.starts_with("POST /v3/maintenance/status HTTP/1.1\r\n")) << request;
    co_await net::test::send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"version\": \"3.4.1\"}");
  });
  net::test::RawServer silent(
      io, [](tcp::socket& socket, int) -> awaitable<void> { co_await net::test::read_until(socket, ""); });
  local.etcd.endpoints = {silent.url(), well.url(), "nonsense"};
  const auto found = look();
  ASSERT_EQ(found.etcd.size(), 3U);
  EXPECT_EQ(found.etcd[0].endpoint, silent.url());
  EXPECT_FALSE(found.etcd[0].error.empty());
  EXPECT_EQ(found.etcd[1].error, "");
  EXPECT_EQ(found.etcd[1].version, "3.4.1");
  EXPECT_FALSE(found.etcd[2].error.empty());
  EXPECT_LT(found.etcd[1].ms, 2000);
}

TEST_F(SurroundingsTest, RightsAreAskedForOnceInAWhile) {
  EXPECT_FALSE(look().rewind) << "the superuser may do everything";
  local.name = "n0";
  local.postgresql.superuser.username = "postgres";
  local.postgresql.rewind.username = "rewinder";
  for (int i = 0; i < 3; ++i) {
    const auto found = look().rewind;
    ASSERT_TRUE(found);
    EXPECT_EQ(found->leader, "n0");
    EXPECT_EQ(found->missing, std::vector<std::string>{"pg_stat_file(text, boolean)"});
  }
  EXPECT_EQ(asked, 1);
}

TEST_F(SurroundingsTest, WithoutAServerTheRightsAreNotKnown) {
  local.postgresql.rewind.username = "rewinder";
  rights = std::nullopt;
  EXPECT_FALSE(look().rewind);
  rights = core::fail("role \"rewinder\" does not exist");
  EXPECT_EQ(look().rewind->error, "role \"rewinder\" does not exist");
}

TEST_F(SurroundingsTest, ADiskThatHangsIsNotWaitedForTwice) {
  net::test::Certificates made;
  local.restapi.certfile = made.cert("server");
  auto found = look().certificates;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].where, "restapi.certfile " + local.restapi.certfile);
  ASSERT_TRUE(found[0].ends);
  EXPECT_GT(*found[0].ends, clock.wall() + 24h);
  EXPECT_LT(*found[0].ends, clock.wall() + 72h);
  local.etcd.cacert = "/nowhere";
  std::promise<void> go_on;
  asio::post(net::disk_thread(), [hangs = go_on.get_future().share()] { hangs.wait(); });
  const auto began = clock.now();
  EXPECT_EQ(look().certificates.size(), 1U) << "what was read before";
  EXPECT_LT(clock.now() - began, 15s);
  EXPECT_EQ(look().certificates.size(), 1U);
  go_on.set_value();
  io.restart();
  while (look().certificates.size() != 2) {
  }
  EXPECT_EQ(look().certificates[1].error, "cannot be read");
}

}  // namespace
}  // namespace tamada::agent
