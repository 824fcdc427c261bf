#include "api/publications.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <vector>

namespace tamada::api {

struct Publications::Waiter {
  Waiter(const asio::any_io_executor& executor, std::function<bool(const Snapshot&)> when)
      : wake(executor, asio::steady_timer::time_point::max()), ready(std::move(when)) {}

  // An expiry in the past also ends a wait that begins later, which cancel() would not do.
  void end() { wake.expires_at(asio::steady_timer::time_point::min()); }

  asio::steady_timer wake;  // a condition variable: never expires by itself
  asio::cancellation_signal stop_alarm;
  std::function<bool(const Snapshot&)> ready;
  bool done = false;
};

struct Publications::Waiters {
  std::vector<std::weak_ptr<Waiter>> list;

  void published(const Snapshot& snapshot) {
    std::erase_if(list, [&](const std::weak_ptr<Waiter>& weak) {
      const auto waiter = weak.lock();
      if (!waiter || !waiter->ready) return true;
      if (!waiter->ready(snapshot)) return false;
      waiter->done = true;
      waiter->end();
      return true;
    });
  }
};

Publications::Publications(asio::any_io_executor executor, Board& board, net::Clock& clock)
    : executor_(std::move(executor)), board_(board), clock_(clock), waiters_(std::make_shared<Waiters>()) {
  board_.on_publish([weak = std::weak_ptr(waiters_)](const std::shared_ptr<const Snapshot>& snapshot) {
    if (const auto waiters = weak.lock()) waiters->published(*snapshot);
  });
}

awaitable<bool> Publications::wait(std::function<bool(const Snapshot&)> ready, core::Instant deadline) {
  if (ready(*board_.latest())) co_return true;
  auto waiter = std::make_shared<Waiter>(executor_, std::move(ready));
  waiters_->list.push_back(waiter);
  auto alarm = [](net::Clock& clock, core::Instant at, std::shared_ptr<Waiter> to) -> awaitable<void> {
    co_await clock.sleep_until(at);
    to->end();
  };
  // The handler owns the waiter: the signal must live until the alarm has ended.
  asio::co_spawn(executor_, alarm(clock_, deadline, waiter),
                 asio::bind_cancellation_slot(waiter->stop_alarm.slot(), [waiter](std::exception_ptr) {}));
  co_await waiter->wake.async_wait(asio::as_tuple(use_awaitable));
  waiter->ready = nullptr;
  waiter->stop_alarm.emit(asio::cancellation_type::terminal);
  co_await throw_if_cancelled();
  co_return waiter->done;
}

}  // namespace tamada::api
