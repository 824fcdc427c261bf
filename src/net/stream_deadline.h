// Ends a connection when a time has passed, unless the deadline was moved or its owner is gone by then. Moving it
// later, as each request on a connection does, touches no timer.
#pragma once

#include <functional>
#include <memory>

#include "core/types.h"
#include "net/asio.h"

namespace tamada::net {

class StreamDeadline {
 public:
  StreamDeadline(asio::any_io_executor executor, std::function<void()> expire);
  ~StreamDeadline();
  StreamDeadline(const StreamDeadline&) = delete;
  StreamDeadline& operator=(const StreamDeadline&) = delete;
  void set(core::Duration after);  // replaces the last; zero: none

 private:
  struct State;
  static void arm(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
};

}  // namespace tamada::net
