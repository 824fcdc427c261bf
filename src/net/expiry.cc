#include "net/expiry.h"

#include <optional>
#include <utility>

#include "net/boot_timer.h"

namespace tamada::net {

struct Expiry::State {
  State(const asio::any_io_executor& executor, std::function<void()> what) : timer(executor), action(std::move(what)) {}
  BootTimer timer;
  std::function<void()> action;
  std::optional<core::Instant> at;     // when to expire
  std::optional<core::Instant> armed;  // when the timer will fire; never later than `at`
  bool expired = false;
};

Expiry::Expiry(asio::any_io_executor executor, core::Duration after, std::function<void()> action)
    : state_(std::make_shared<State>(executor, std::move(action))) {
  rearm(after);
}

Expiry::~Expiry() = default;

bool Expiry::expired() const { return state_->expired; }

void Expiry::rearm(core::Duration after) {
  if (after <= core::Duration::zero()) {
    state_->at.reset();
    if (state_->armed) state_->timer.cancel();
    state_->armed.reset();
    return;
  }
  state_->at = KernelBootClock::now() + after;
  if (!state_->armed || *state_->at < *state_->armed) arm(state_);
}

void Expiry::arm(const std::shared_ptr<State>& state) {
  state->armed = state->at;
  state->timer.expires_at(*state->at);
  // The pointer is weak, because an expiry may already be queued when the owner is destroyed.
  state->timer.async_wait([weak = std::weak_ptr(state)](boost::system::error_code ec) {
    auto s = weak.lock();
    if (!s || ec) return;
    s->armed.reset();
    if (!s->at) return;
    if (KernelBootClock::now() < *s->at) return arm(s);
    s->at.reset();
    s->expired = true;
    s->action();
  });
}

}  // namespace tamada::net
