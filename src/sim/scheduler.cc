#include "sim/scheduler.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace tamada::sim {

void Scheduler::at(Time time, Work work) {
  heap_.push_back({std::max(time, now_), sequence_++, std::move(work)});
  std::push_heap(heap_.begin(), heap_.end());
}

void Scheduler::run_ready() {
  // Running one life may make another one ready.
  for (std::size_t i = 0; i < ready_.size(); ++i) {
    if (const auto life = ready_[i].lock()) life->run();
  }
  ready_.clear();
}

bool Scheduler::step(Time end) {
  run_ready();
  if (heap_.empty() || heap_.front().time > end) {
    now_ = std::max(now_, end);
    return false;
  }
  std::pop_heap(heap_.begin(), heap_.end());
  auto event = std::move(heap_.back());
  heap_.pop_back();
  now_ = event.time;
  ++events_;
  event.work();
  run_ready();
  return true;
}

void Parked::resume(boost::system::error_code error) {
  if (!handler) return;
  const auto owner = life.lock();
  auto waiting = std::move(handler);
  if (!owner || owner->ended_) return;
  owner->parked_.erase(number);
  asio::post(owner->context_, [waiting = std::move(waiting), error]() mutable { std::move (*waiting)(error); });
  owner->touch();
}

std::shared_ptr<Parked> Life::parked() {
  auto made = std::make_shared<Parked>();
  made->life = weak_from_this();
  made->number = next_++;
  return made;
}

awaitable<bool> Life::wait(std::shared_ptr<Parked> place, Time until) {
  const bool woken = co_await wait_quietly(place, until);
  if (place->cancelled) throw boost::system::system_error(asio::error::operation_aborted);
  co_return woken;
}

awaitable<bool> Life::wait_quietly(std::shared_ptr<Parked> place, Time until) {
  if (place->woken) co_return true;
  if (until != never) {
    scheduler_.at(until, [weak = std::weak_ptr(place)] {
      if (const auto waiting = weak.lock()) waiting->resume({});
    });
  }
  constexpr auto token = asio::as_tuple(use_awaitable);
  const auto [error] = co_await asio::async_initiate<decltype(token), void(boost::system::error_code)>(
      [this, place](auto handler) {
        using Handler = asio::any_completion_handler<void(boost::system::error_code)>;
        place->handler = std::make_unique<Handler>(std::move(handler));
        // This is the slot of the type-erased handler, because creating that handler used up the original's slot.
        auto slot = asio::get_associated_cancellation_slot(*place->handler);
        if (slot.is_connected()) {
          slot.assign([weak = std::weak_ptr(place)](asio::cancellation_type) {
            if (const auto waiting = weak.lock()) waiting->resume(asio::error::operation_aborted);
          });
        }
        parked_[place->number] = place;
      },
      token);
  place->cancelled = error.failed();
  co_return place->woken;
}

awaitable<void> Life::pause(Duration duration) { co_await wait(parked(), scheduler_.now() + duration); }

void Life::touch() {
  if (queued_ || frozen_ || ended_) return;
  queued_ = true;
  scheduler_.ready(weak_from_this());
}

void Life::run() {
  queued_ = false;
  if (frozen_ || ended_) return;
  do {
    context_.restart();
  } while (context_.poll() > 0);
}

void Life::thaw() {
  frozen_ = false;
  touch();
}

void Life::end() {
  if (ended_) return;
  ended_ = true;
  auto waiting = std::move(parked_);
  for (auto& [number, place] : waiting) {
    const auto handler = std::move(place->handler);
  }
  context_.destroy_operations();
}

namespace {
// The calendar of every run begins on 2026-01-01, so that traces do not depend on the day.
constexpr core::WallTime run_begins{std::chrono::seconds(1767225600)};
}  // namespace

core::Instant SimClock::now() const {
  const auto t = life_.scheduler().now();
  return core::Instant(p_.boot + t + Duration(t.count() / 1'000'000 * p_.ppm));
}

core::WallTime SimClock::wall() const {
  return run_begins +
         std::chrono::duration_cast<std::chrono::microseconds>(p_.wall_error + now().time_since_epoch() - p_.boot);
}

core::WallTime SimClock::calendar(Time at) {
  return run_begins + std::chrono::duration_cast<std::chrono::microseconds>(at);
}

Time SimClock::when(core::Instant at, const Parameters& p) {
  const auto shown = at.time_since_epoch() - p.boot;
  if (at.time_since_epoch() > std::chrono::hours(24 * 365)) return never;
  const auto t = shown - Duration(shown.count() / 1'000'000 * p.ppm);
  // Adds the second-order error of the drift and the rounding of now(), because a timer may be late but not early.
  return t + Duration(std::abs(shown.count() / 1'000'000) * p.ppm * p.ppm / 1'000'000 + 2000);
}

awaitable<void> SimClock::sleep_until(core::Instant at) {
  const auto until = when(at, p_);
  co_await life_.wait_quietly(life_.parked(), std::max(until, life_.scheduler().now()));
}

}  // namespace tamada::sim
