// Timers on CLOCK_BOOTTIME. The reactor itself sleeps by CLOCK_MONOTONIC, which stands still while the machine is
// suspended. So the reactor checks the timers at least once a second, and after a suspension a timer is late by no more
// than that.
#pragma once

#include <algorithm>
#include <boost/asio/basic_waitable_timer.hpp>
#include <ctime>

#include "core/types.h"
#include "net/asio.h"

namespace tamada::net {

struct KernelBootClock : core::BootClock {
  static time_point now() {
    timespec t{};
    ::clock_gettime(CLOCK_BOOTTIME, &t);
    return time_point(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
  }
};

struct BootWaitTraits {
  static core::Duration to_wait_duration(const core::Duration& d) {
    return std::min<core::Duration>(d, std::chrono::seconds(1));
  }
  static core::Duration to_wait_duration(const core::Instant& t) {
    return to_wait_duration(t - KernelBootClock::now());
  }
};

using BootTimer = asio::basic_waitable_timer<KernelBootClock, BootWaitTraits>;

}  // namespace tamada::net
