// Plays a plan without chance: every operation takes its usual time, so the transcript changes only if the daemons
// decide differently.
#pragma once

#include "sim/options.h"
#include "sim/plan.h"

namespace tamada::sim {

// Returns the plan with the transcripts of this run. An error when the plan makes no sense, or when an invariant was
// violated.
core::Result<Plan> tell_story(Plan plan, Options options);

}  // namespace tamada::sim
