#include "core/clock_offset.h"

#include <algorithm>

namespace tamada::core {

void ClockOffset::learn(WallTime sent, WallTime answered, WallTime dated) {
  if (answered < sent) return;  // our own clock was set back in between
  const Duration least = sent - (dated + 1s), most = answered - dated;
  ahead_ = std::clamp(ahead_, least, most);
}

}  // namespace tamada::core
