#include "net/turns.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "net/boot_timer.h"

namespace tamada::net {

void Turns::enter(std::shared_ptr<Account> account, Resume resume) {
  const auto begins = std::max(now_, account->used);
  queue_.emplace(std::pair(begins, --numbers_left_), Waiter{std::move(account), std::move(resume)});
  schedule();
}

void Turns::schedule() {
  if (scheduled_ || queue_.empty()) return;
  scheduled_ = true;
  asio::post(executor_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->work();
  });
}

void Turns::work() {
  scheduled_ = false;
  const auto began = KernelBootClock::now();
  auto before = began;
  // The resumed code may enter the queue again, and may then be served before handlers that it has posted to the loop.
  while (!queue_.empty() && before - began < portion) {
    auto next = queue_.extract(queue_.begin());
    const auto begins = next.key().first;
    now_ = std::max(now_, begins);
    next.mapped().resume();
    const auto after = KernelBootClock::now();
    next.mapped().account->used =
        begins + static_cast<std::uint64_t>(std::max<std::int64_t>((after - before).count(), 1));
    before = after;
  }
  schedule();
}

}  // namespace tamada::net
