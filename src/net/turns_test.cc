#include "net/turns.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <string>
#include <thread>

namespace tamada::net {
namespace {

using namespace std::chrono_literals;

class InTurns : public ::testing::Test {
 protected:
  asio::io_context io{1};
  std::shared_ptr<Turns> turns = std::make_shared<Turns>(io.get_executor());
  std::string order;

  std::shared_ptr<Turns::Account> party() { return std::make_shared<Turns::Account>(); }
  void enter(const std::shared_ptr<Turns::Account>& account, char name, core::Duration takes = {}) {
    turns->enter(account, [this, name, takes] {
      order += name;
      std::this_thread::sleep_for(takes);
    });
  }
};

TEST_F(InTurns, NothingRunsWithinTheCall) {
  enter(party(), 'a');
  EXPECT_EQ(order, "");
  io.run();
  EXPECT_EQ(order, "a");
}

TEST_F(InTurns, TheNewestIsFirstAmongEquals) {
  for (const char name : {'a', 'b', 'c'}) enter(party(), name);
  io.run();
  EXPECT_EQ(order, "cba");
}

TEST_F(InTurns, WorkThatEntersFromWithinIsServedOnce) {
  const auto account = party();
  turns->enter(account, [&] { enter(account, 'a'); });
  io.run();
  EXPECT_EQ(order, "a");
}

TEST_F(InTurns, AClientThatHasUsedMoreWaits) {
  const auto greedy = party(), modest = party();
  enter(modest, 'm');
  enter(greedy, 'g', 5ms);
  io.run();
  order.clear();
  io.restart();
  enter(modest, 'm');
  enter(greedy, 'g');
  enter(party(), 'n');
  io.run();
  EXPECT_EQ(order, "nmg");
}

TEST_F(InTurns, AnIdleClientEarnsNoCredit) {
  const auto idle = party(), busy = party();
  enter(idle, 'i');
  io.run();
  io.restart();
  for (int i = 0; i < 20; ++i) {
    enter(busy, 'b', 1ms);
    io.run();
    io.restart();
  }
  order.clear();
  // If a client earned credit while it was idle, this one would now get several turns in a row.
  for (int i = 0; i < 3; ++i) {
    enter(idle, 'i', 3ms);
    enter(party(), 'n', 1ms);
    io.run();
    io.restart();
  }
  EXPECT_EQ(order,
            "nini"
            "ni");
}

TEST_F(InTurns, TheLoopsOtherWorkComesInBetween) {
  for (int i = 0; i < 4; ++i) enter(party(), 't', 2 * Turns::portion);
  std::function<void(int)> other = [&](int left) {
    order += 'o';
    if (left > 1) asio::post(io, [&other, left] { other(left - 1); });
  };
  asio::post(io, [&] { other(4); });
  io.run();
  EXPECT_EQ(order,
            "tototo"
            "to");
}

}  // namespace
}  // namespace tamada::net
