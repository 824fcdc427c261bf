#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "core/action.h"
#include "core/memory.h"
#include "core/problem.h"

namespace tamada::core {

enum class Severity { debug, info, warning, error };

struct Decision {
  std::string_view rule;  // name of the rule that decided
  std::string reason;     // one sentence for the operator; Patroni's own text where its users know one
  Actions actions;
  Memory memory;
  Problems problems;               // everything that is wrong on this member now
  std::optional<Instant> wake_at;  // when the next cycle begins at the latest, even if nothing happens
  // No request to the DCS is waited for beyond this instant, because another decision is due then, and it prevents two
  // primaries.
  std::optional<Instant> dcs_patience_until;
  Severity severity = Severity::info;
};

template <class T>
bool asks(const Decision& decision) {
  return std::ranges::any_of(decision.actions, [](const Action& action) { return std::holds_alternative<T>(action); });
}

// The job that the decision starts; nullptr when it starts none. A decision starts one job at most.
inline const StartJob* job_of(const Decision& decision) {
  for (const auto& action : decision.actions) {
    if (const auto* job = std::get_if<StartJob>(&action)) return job;
  }
  return nullptr;
}

}  // namespace tamada::core
