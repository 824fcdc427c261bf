// Chooses without any effect: asks the rules of one table in their order, and returns the first answer.
#pragma once

#include <span>

#include "core/decision.h"
#include "core/observation.h"

namespace tamada::core {

struct Rule {
  std::string_view name;
  std::string_view what;  // one line for docs/rules.md
  std::optional<Decision> (*decide)(const Observation&, const Memory&);
};

std::span<const Rule> rule_table();

// Never throws, never blocks; the same arguments give the same decision.
Decision decide(const Observation& seen, const Memory& memory);

}  // namespace tamada::core
