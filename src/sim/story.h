// A plan played without chance: every operation takes its usual time, so that a transcript changes only with what the
// daemons decide.
#pragma once

#include "sim/options.h"
#include "sim/plan.h"

namespace tamada::sim {

// The plan with the transcripts that came out; an error: the plan makes no sense, or something was violated.
core::Result<Plan> tell_story(Plan plan, Options options);

}  // namespace tamada::sim
