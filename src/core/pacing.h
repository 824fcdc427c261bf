// Removes from a decision the actions that have failed before and whose pause is not over; see core/retries.h.
#pragma once

#include <string>

#include "core/decision.h"
#include "core/observation.h"

namespace tamada::core {

// The name of an action that is tried again with pauses, for the operator; empty: this action does not wait.
std::string attempt(const Action& action);
void hold_back(const Observation& seen, Decision& decision);

}  // namespace tamada::core
