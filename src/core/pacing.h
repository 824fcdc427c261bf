// Short actions that have failed are left out of a decision until their pause is over, see core/retries.h.
#pragma once

#include <string>

#include "core/decision.h"
#include "core/observation.h"

namespace tamada::core {

// What is tried again when it fails, in the operator's words; empty: nothing that has to wait.
std::string attempt(const Action& action);
void hold_back(const Observation& seen, Decision& decision);

}  // namespace tamada::core
