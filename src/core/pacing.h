// Removes from a decision the actions that have failed before and whose pause is not over; see core/retries.h.
#pragma once

#include <string>

#include "core/decision.h"
#include "core/observation.h"

namespace tamada::core {

// How the operator knows an action that is tried again with pauses; empty for an action that never waits.
std::string attempt(const Action& action);
void hold_back(const Observation& seen, Decision& decision);

}  // namespace tamada::core
