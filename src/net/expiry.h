// Does something when a time has passed, unless it goes out of scope before.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "core/types.h"
#include "net/asio.h"

namespace tamada::net {

class Expiry {
 public:
  // after: zero or less never comes.
  Expiry(const asio::any_io_executor& executor, core::Duration after, std::function<void()> action)
      : state_(std::make_shared<State>(executor, std::move(action))) {
    if (after > core::Duration::zero()) rearm(after);
  }
  Expiry(const Expiry&) = delete;
  Expiry& operator=(const Expiry&) = delete;
  ~Expiry() {
    state_->action = nullptr;  // the timer's handler may be queued already, and then outlives us
    state_->timer.cancel();
  }

  void rearm(core::Duration after) {
    state_->timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(after));
    state_->timer.async_wait([state = state_](const boost::system::error_code& error) {
      if (error || !state->action) return;
      state->expired = true;
      const auto action = state->action;  // it may re-arm
      action();
    });
  }
  bool expired() const { return state_->expired; }

 private:
  struct State {
    State(const asio::any_io_executor& executor, std::function<void()> what)
        : timer(executor), action(std::move(what)) {}
    asio::steady_timer timer;
    std::function<void()> action;
    bool expired = false;
  };
  std::shared_ptr<State> state_;
};

}  // namespace tamada::net
