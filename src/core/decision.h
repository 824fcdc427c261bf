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
  std::string reason;     // one sentence for the operator; the texts that Patroni's users know, where there are such
  Actions actions;
  Memory memory;
  Problems problems;               // all that stands wrong on this member now
  std::optional<Instant> wake_at;  // look again at the latest then, though nothing happened
  // The DCS is not waited for beyond that: the decision that is due then keeps two primaries apart.
  std::optional<Instant> dcs_patience_until;
  Severity severity = Severity::info;
};

template <class T>
bool asks(const Decision& decision) {
  return std::ranges::any_of(decision.actions, [](const Action& action) { return std::holds_alternative<T>(action); });
}

// The job that the decision starts, of which there is at most one; nullptr: none.
inline const StartJob* job_of(const Decision& decision) {
  for (const auto& action : decision.actions) {
    if (const auto* job = std::get_if<StartJob>(&action)) return job;
  }
  return nullptr;
}

}  // namespace tamada::core
