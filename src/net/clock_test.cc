#include "net/clock.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <ctime>

#include "net/expiry.h"
#include "net/test_support.h"

namespace tamada::net {
namespace {

using namespace std::chrono_literals;

TEST(SystemClock, NowIsTheKernelsBootTime) {
  auto read = [] {
    timespec t{};
    ::clock_gettime(CLOCK_BOOTTIME, &t);
    return core::Instant(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
  };
  SystemClock clock;
  auto before = read();
  auto now = clock.now();
  EXPECT_LE(before, now);
  EXPECT_LE(now, read());
}

TEST(SystemClock, SleepsUntilAndNotBefore) {
  asio::io_context io(1);
  SystemClock clock;
  auto at = clock.now() + 20ms;
  test::run(io, [&]() -> awaitable<void> {
    co_await clock.sleep_until(at);
    EXPECT_GE(clock.now(), at);
    EXPECT_LT(clock.now(), at + 5s);
    co_await clock.sleep_until(clock.now() - 1h);  // a time in the past
  });
}

TEST(SystemClock, SleepIsCancelled) {
  asio::io_context io(1);
  SystemClock clock;
  asio::cancellation_signal cancel;
  std::exception_ptr thrown;
  asio::co_spawn(io, clock.sleep_until(clock.now() + 1h),
                 asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e) { thrown = e; }));
  io.poll();
  ASSERT_FALSE(thrown);
  cancel.emit(asio::cancellation_type::terminal);
  io.restart();
  io.run_for(5s);
  ASSERT_TRUE(thrown);
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& e) {
    EXPECT_EQ(e.code(), asio::error::operation_aborted);
  }
}

TEST(Expiry, MovesAndEnds) {
  asio::io_context io(1);
  SystemClock clock;
  int fired = 0;
  core::Instant at{};
  Expiry deadline(io.get_executor(), 0s, [&] {
    ++fired;
    at = clock.now();
  });
  auto began = clock.now();
  deadline.rearm(10ms);
  deadline.rearm(60ms);  // later than before: the timer wakes after 10 ms and waits again
  io.run();
  EXPECT_EQ(fired, 1);
  EXPECT_GE(at - began, 60ms);
  EXPECT_TRUE(deadline.expired());
  deadline.rearm(1h);
  deadline.rearm(5ms);  // earlier than before
  io.restart();
  io.run_for(5s);
  EXPECT_EQ(fired, 2);
  deadline.rearm(5ms);
  deadline.rearm(0s);  // no deadline
  io.restart();
  io.run();
  EXPECT_EQ(fired, 2);
}

TEST(Expiry, NeverFiresAfterItsOwner) {
  asio::io_context io(1);
  bool fired = false;
  auto deadline = std::make_unique<Expiry>(io.get_executor(), 1ns, [&] { fired = true; });
  deadline.reset();  // the deadline is due at once, and its handler may be queued already
  io.run();
  EXPECT_FALSE(fired);
}

}  // namespace
}  // namespace tamada::net
