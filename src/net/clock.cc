#include "net/clock.h"

#include "net/boot_timer.h"

namespace tamada::net {

core::Instant SystemClock::now() const { return KernelBootClock::now(); }

core::WallTime SystemClock::wall() const {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

awaitable<void> SystemClock::sleep_until(core::Instant at) {
  BootTimer timer(co_await asio::this_coro::executor, at);
  co_await timer.async_wait(use_awaitable);
}

}  // namespace tamada::net
