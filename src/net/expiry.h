// Calls a function when a time has passed, unless the time is moved or this object is destroyed before. Moving the time
// later, as each request on a connection does, does not touch the timer.
#pragma once

#include <functional>
#include <memory>

#include "core/types.h"
#include "net/asio.h"

namespace tamada::net {

class Expiry {
 public:
  // after: zero or less means never.
  Expiry(asio::any_io_executor executor, core::Duration after, std::function<void()> action);
  ~Expiry();
  Expiry(const Expiry&) = delete;
  Expiry& operator=(const Expiry&) = delete;

  void rearm(core::Duration after);  // replaces the previous deadline; the action may call it, too
  bool expired() const;              // the action has been called

 private:
  struct State;
  static void arm(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
};

}  // namespace tamada::net
