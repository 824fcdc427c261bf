// What each observation adds to the memory, whichever rule decides.
#pragma once

#include "core/memory.h"
#include "core/observation.h"

namespace tamada::core {

Memory remember(const Observation& seen, const Memory& before);

}  // namespace tamada::core
