// Does the work that clients cause in turns: a little of that work, then the loop's other work, and so on. The client
// that has used the least time so far goes first. Among those that have used none, the newest goes first, so that a
// health check does not wait behind thousands of busy connections.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "core/types.h"
#include "net/asio.h"

namespace tamada::net {

class Turns : public std::enable_shared_from_this<Turns> {
 public:
  static constexpr core::Duration portion =
      std::chrono::microseconds(500);  // the longest time for such work before the loop's other work

  // The time that one party has used. An idle party earns no credit.
  struct Account {
    std::uint64_t used = 0;
  };
  using Resume = std::move_only_function<void()>;

  explicit Turns(asio::any_io_executor executor) : executor_(std::move(executor)) {}

  // Calls `resume` later, never during this call. The time that it takes is added to the account.
  void enter(std::shared_ptr<Account> account, Resume resume);

 private:
  struct Waiter {
    std::shared_ptr<Account> account;
    Resume resume;
  };
  void schedule();
  void work();

  asio::any_io_executor executor_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, Waiter>
      queue_;  // in the order of the used time; among equals the newest is first
  std::uint64_t now_ = 0, numbers_left_ = std::numeric_limits<std::uint64_t>::max();
  bool scheduled_ = false;
};

}  // namespace tamada::net
