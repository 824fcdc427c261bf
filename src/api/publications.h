// Waits until the Board shows something, without polling.
#pragma once

#include <functional>
#include <memory>

#include "api/board.h"
#include "net/clock.h"

namespace tamada::api {

class Publications {
 public:
  // The board and the clock must outlive this object, and this object must outlive every wait.
  Publications(asio::any_io_executor executor, Board& board, net::Clock& clock);

  // Calls `ready` now and at each publication, in order and without a gap, until it returns true. Returns false at the
  // deadline. `ready` may run after the caller is gone, so it has to hold by value what it needs.
  awaitable<bool> wait(std::function<bool(const Snapshot&)> ready, core::Instant deadline);

 private:
  struct Waiter;
  struct Waiters;

  asio::any_io_executor executor_;
  Board& board_;
  net::Clock& clock_;
  std::shared_ptr<Waiters> waiters_;
};

}  // namespace tamada::api
