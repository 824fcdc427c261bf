// One coroutine waits, and any code on the loop can wake it. A wake before the wait is not lost; several wakes count as
// one.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include "net/asio.h"

namespace tamada::net {

class Event {
 public:
  // The timer never expires. It serves only to suspend a coroutine, also on a simulated clock.
  explicit Event(asio::any_io_executor executor) : parked_(executor, asio::steady_timer::time_point::max()) {}

  void notify() {
    set_ = true;
    parked_.cancel();
  }

  awaitable<void> wait() {
    while (!set_) {
      const auto [error] = co_await parked_.async_wait(asio::as_tuple(use_awaitable));
      // The timer was cancelled by set(), or together with the coroutine. In the second case the next suspension point
      // throws.
      if (!set_ && (co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
        throw boost::system::system_error(error ? error : asio::error::operation_aborted);
      }
    }
    set_ = false;
  }

 private:
  asio::steady_timer parked_;
  bool set_ = false;
};

}  // namespace tamada::net
