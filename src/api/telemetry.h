// Measurements that are not part of the snapshots. The code that does the work records them, and /metrics shows them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "core/types.h"

namespace tamada::api {

// Counts of durations, as Prometheus counts them.
class Histogram {
 public:
  static constexpr std::array<double, 12> bounds_s{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5};

  void observe(core::Duration duration) {
    const double seconds = std::chrono::duration<double>(duration).count();
    for (std::size_t i = 0; i < bounds_s.size(); ++i) {
      if (seconds <= bounds_s[i]) ++at_most_[i];
    }
    ++count_;
    sum_s_ += seconds;
    if (!longest_ || duration > *longest_) longest_ = duration;
  }
  // The longest duration since the last call; nullopt when there was none.
  std::optional<core::Duration> take_longest() { return std::exchange(longest_, std::nullopt); }
  std::uint64_t at_most(std::size_t bound) const { return at_most_[bound]; }
  std::uint64_t count() const { return count_; }
  double sum_s() const { return sum_s_; }

 private:
  std::array<std::uint64_t, bounds_s.size()> at_most_{};
  std::uint64_t count_ = 0;
  double sum_s_ = 0;
  std::optional<core::Duration> longest_;
};

struct Telemetry {
  Histogram loop_lag;                               // how late the coroutine of a timer runs
  std::map<std::string, Histogram> dcs_requests;    // by operation: range, txn ...
  std::map<std::string, std::uint64_t> dcs_errors;  // the requests that failed
  struct Deliveries {
    std::uint64_t delivered = 0;
    std::uint64_t failed = 0;   // attempts
    std::uint64_t dropped = 0;  // notifications that made room for a newer one, or had too many attempts
    std::uint64_t waiting = 0;
  };
  std::map<std::string, Deliveries> notifications;  // by the receiver: webhook, command
};

}  // namespace tamada::api
