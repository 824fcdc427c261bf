#include "core/pacing.h"

#include <algorithm>

namespace tamada::core {

std::string attempt(const Action& action) {
  if (const auto* follow = std::get_if<Follow>(&action)) return "following " + follow->upstream.member;
  if (std::holds_alternative<SetAside>(action)) return "renaming the data directory";
  if (std::holds_alternative<EnforceFeedback>(action)) return "changing hot_standby_feedback";
  if (std::holds_alternative<ApplyConfiguration>(action)) return "applying the configuration";
  return "";
}

namespace {

constexpr Duration cancelled_for = 5s;

// A cancelled job ends at once, or as soon as the process that it stops has ended.
bool ends_already(const Observation& seen, const Action& action) {
  return std::holds_alternative<CancelJob>(action) && seen.job.cancelled_at &&
         seen.now - *seen.job.cancelled_at < cancelled_for;
}

}  // namespace

void hold_back(const Observation& seen, Decision& decision) {
  std::erase_if(decision.actions, [&](const Action& action) {
    if (ends_already(seen, action)) return true;
    const auto it = seen.retries.find(attempt(action));
    if (it == seen.retries.end() || seen.now >= it->second.not_before) return false;
    decision.wake_at = std::min(decision.wake_at.value_or(it->second.not_before), it->second.not_before);
    return true;
  });
}

}  // namespace tamada::core
