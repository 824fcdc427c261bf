// The only source of chance, so that everything in a run follows from its seed.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

#include "core/types.h"

namespace tamada::sim {

using core::Duration;

class Random {
 public:
  // calm: every event is the usual one and takes its usual time; stories use this.
  explicit Random(std::uint64_t seed, bool calm = false)
      : engine_(seed * 0x9e3779b97f4a7c15ULL + 0x1234567), calm_(calm) {}

  // The standard library's distributions are not used, because their results differ between implementations.
  std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : engine_() % n; }
  std::uint64_t between(std::uint64_t least, std::uint64_t most) {
    return calm_ ? least + (most - least) / 2 : least + below(most - least + 1);
  }
  bool chance(double p) { return calm_ ? p > 0.5 : unit() < p; }
  double unit() { return calm_ ? 0.5 : static_cast<double>(engine_() >> 11) * 0x1.0p-53; }
  Duration duration(Duration least, Duration most) {
    return Duration(static_cast<std::int64_t>(
        between(static_cast<std::uint64_t>(least.count()), static_cast<std::uint64_t>(most.count()))));
  }
  // A random duration whose logarithm is evenly distributed, so that short and long ones are equally frequent.
  Duration any_scale(Duration least, Duration most) {
    const double low = std::log2(static_cast<double>(least.count()));
    const double high = std::log2(static_cast<double>(most.count()));
    return Duration(static_cast<std::int64_t>(std::exp2(low + (high - low) * unit())));
  }
  // A random duration, usually up to `usual`, rarely up to `rare`.
  Duration mostly(Duration least, Duration usual, Duration rare, double p) {
    return chance(p) ? duration(usual, rare) : duration(least, usual);
  }

 private:
  std::mt19937_64 engine_;
  bool calm_;
};

}  // namespace tamada::sim
