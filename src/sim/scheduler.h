// Virtual time: one queue of events for the whole cluster, and one Asio loop for each life of a daemon.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "core/types.h"
#include "net/asio.h"
#include "net/clock.h"

namespace tamada::sim {

using core::Duration;
using Time = core::Duration;  // since the start of the run
using Work = std::move_only_function<void()>;
inline constexpr Time never = Time::max();

class Life;

class Scheduler {
 public:
  Time now() const { return now_; }
  void at(Time time, Work work);
  void after(Duration delay, Work work) { at(now_ + delay, std::move(work)); }
  // Runs the next event, and the handlers that became ready by it. Returns false when there is no event before `end`.
  bool step(Time end);
  void run_ready();
  void ready(std::weak_ptr<Life> life) { ready_.push_back(std::move(life)); }
  std::uint64_t events() const { return events_; }

 private:
  struct Event {
    Time time;
    std::uint64_t sequence;
    Work work;
    // Reversed, because the heap returns its greatest element first.
    bool operator<(const Event& other) const {
      return time != other.time ? time > other.time : sequence > other.sequence;
    }
  };
  Time now_{0};
  std::uint64_t sequence_ = 0, events_ = 0;
  std::vector<Event> heap_;
  std::vector<std::weak_ptr<Life>> ready_;
};

// A coroutine that waits for something in the simulated world.
struct Parked {
  std::weak_ptr<Life> life;
  std::uint64_t number = 0;
  bool woken = false, cancelled = false;
  // Held by a pointer, because Boost 1.81 cannot move-assign an any_completion_handler.
  std::unique_ptr<asio::any_completion_handler<void(boost::system::error_code)>> handler;
  void wake() {
    woken = true;
    resume({});
  }
  void resume(boost::system::error_code error);
};

// One life of a daemon, from its start to its end or crash. It has its own loop, which can be stopped for a while (a
// freeze) and dropped with everything that waits on it (a crash).
class Life : public std::enable_shared_from_this<Life> {
 public:
  explicit Life(Scheduler& scheduler) : scheduler_(scheduler) {}
  asio::any_io_executor executor() { return context_.get_executor(); }
  Scheduler& scheduler() { return scheduler_; }

  std::shared_ptr<Parked> parked();
  // Waits until it is woken (returns true) or until `until` (returns false). Throws operation_aborted when cancelled.
  awaitable<bool> wait(std::shared_ptr<Parked> parked, Time until);
  // The same, but it returns when it is cancelled, and the next suspension throws. This is for speed: an exception
  // costs more than everything else here.
  awaitable<bool> wait_quietly(std::shared_ptr<Parked> parked, Time until);
  awaitable<void> pause(Duration duration);

  void touch();  // to be called when handlers may be ready
  void run();
  void freeze() { frozen_ = true; }
  void thaw();
  bool frozen() const { return frozen_; }
  void end();  // destroys every coroutine; to be called before the objects that they use are destroyed
  bool ended() const { return ended_; }

 private:
  friend struct Parked;
  struct Context : asio::io_context {
    // Only one thread uses the loop, so it needs no locks.
    Context() : io_context(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE) {}
    void destroy_operations() { shutdown(); }
  };
  Scheduler& scheduler_;
  Context context_;
  std::map<std::uint64_t, std::shared_ptr<Parked>> parked_;
  std::uint64_t next_ = 0;
  bool queued_ = false, frozen_ = false, ended_ = false;
};

// A node's clock, which began at another instant than the others' and runs a little faster or slower.
class SimClock final : public net::Clock {
 public:
  struct Parameters {
    Duration boot{};        // what the clock showed at the start of the run
    Duration wall_error{};  // the error of its calendar time, which a fault may change at any time
    std::int64_t ppm = 0;   // how much it is too fast, in parts per million
  };
  SimClock(Life& life, const Parameters& parameters) : life_(life), p_(parameters) {}
  core::Instant now() const override;
  core::WallTime wall() const override;
  awaitable<void> sleep_until(core::Instant at) override;
  // The run's time at which this clock shows `at`, or a moment later.
  static Time when(core::Instant at, const Parameters& parameters);
  // What a clock without an error shows at this time of the run.
  static core::WallTime calendar(Time at);

 private:
  Life& life_;
  const Parameters& p_;
};

}  // namespace tamada::sim
