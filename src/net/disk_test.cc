#include "net/disk.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>

#include "net/test_support.h"

namespace tamada::net {
namespace {

using namespace std::chrono_literals;

struct DiskThread : testing::Test {
  ~DiskThread() override { test::finish_other_threads(); }

  asio::io_context io{1};
  std::string told;

  // Sets `told` to the result or to the text of the exception.
  asio::cancellation_signal& begin(awaitable<std::string> work) {
    asio::co_spawn(io, std::move(work),
                   asio::bind_cancellation_slot(cancel.slot(), [this](std::exception_ptr thrown, std::string said) {
                     told = said;
                     try {
                       if (thrown) std::rethrow_exception(thrown);
                     } catch (const std::exception& error) {
                       told = error.what();
                     }
                   }));
    return cancel;
  }
  asio::cancellation_signal cancel;
};

TEST_F(DiskThread, TheLoopGoesOnWhileTheDiskHangs) {
  std::promise<std::string> disk;
  begin(on_disk_thread([&disk] { return disk.get_future().get(); }));
  asio::steady_timer timer(io, 1ms);  // only the loop can end this wait
  timer.async_wait([&](auto) { disk.set_value("written"); });
  io.run();
  EXPECT_EQ(told, "written");
}

TEST_F(DiskThread, AProbeWaitsForNoOtherWork) {
  std::promise<std::string> disk;
  begin(on_disk_thread([&disk] { return disk.get_future().get(); }));
  asio::co_spawn(io,
                 on_thread(disk_probe_thread(),
                           [&disk] {
                             disk.set_value("tried");
                             return 0;
                           }),
                 asio::detached);
  io.run();
  EXPECT_EQ(told, "tried");
}

TEST_F(DiskThread, WorkIsDoneInTheOrderOfTheRequests) {
  std::string order;
  for (int i = 0; i < 10; ++i) {
    const auto work = [&order, i] {
      if (i == 0) std::this_thread::sleep_for(5ms);
      order += std::to_string(i);
      return std::string();
    };
    asio::co_spawn(io, on_disk_thread(work),
                   asio::detached);  // begin() would bind the one cancellation slot to each of them
  }
  io.run();
  EXPECT_EQ(order, "0123456789");
}

TEST_F(DiskThread, ExceptionsReachTheCaller) {
  begin(on_disk_thread([]() -> std::string { throw std::runtime_error("no disk"); }));
  io.run();
  EXPECT_EQ(told, "no disk");
}

// After a cancellation the files must not be half written.
TEST_F(DiskThread, ACancelledCallReturnsAfterItsWorkIsDone) {
  std::promise<void> begun, go_on;
  bool finished = false;
  const auto work = [&]() -> awaitable<std::string> {
    co_await on_disk_thread([&] {
      begun.set_value();
      go_on.get_future().get();
      finished = true;
      return 0;
    });
    co_await throw_if_cancelled();
    co_return "not cancelled";
  };
  auto& signal = begin(work());
  asio::steady_timer timer(io, 1ms);
  timer.async_wait([&](auto) {
    begun.get_future().get();
    signal.emit(asio::cancellation_type::terminal);
    EXPECT_FALSE(finished);
    go_on.set_value();
  });
  io.run();
  EXPECT_TRUE(finished);
  EXPECT_NE(told, "not cancelled");
}

}  // namespace
}  // namespace tamada::net
