// How far this host's clock is ahead of another's that dates its answers to the second.
#pragma once

#include "core/types.h"

namespace tamada::core {

class ClockOffset {
 public:
  // An answer to a question that was sent and answered at these times by our clock, and dated by the other's: `dated`
  // is the beginning of the second in which it was made. What that leaves open, this second and the time under way, is
  // taken to be as it was: the offset never exceeds what some answer proves, and stands still while nothing changes.
  void learn(WallTime sent, WallTime answered, WallTime dated);
  // Negative: behind.
  Duration ahead() const { return ahead_; }

 private:
  Duration ahead_{};
};

}  // namespace tamada::core
