// How far this host's clock is ahead of another host's clock, whose answers show the time in whole seconds.
#pragma once

#include "core/types.h"

namespace tamada::core {

class ClockOffset {
 public:
  // Learns from one answer. `sent` and `answered` are the times of the question and of its answer by our clock. `dated`
  // is the other clock's time of the answer, cut to the second. One answer leaves a range of possible offsets, because
  // of the cut and of the time under way. The estimate moves only if it lies outside that range, so it never exceeds
  // what some answer proves, and stands still while nothing changes.
  void learn(WallTime sent, WallTime answered, WallTime dated);
  // Negative when our clock is behind.
  Duration ahead() const { return ahead_; }

 private:
  Duration ahead_{};
};

}  // namespace tamada::core
