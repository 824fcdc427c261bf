// Adds to the memory what each observation shows, whichever rule decides.
#pragma once

#include "core/memory.h"
#include "core/observation.h"

namespace tamada::core {

Memory remember(const Observation& seen, const Memory& before);

}  // namespace tamada::core
