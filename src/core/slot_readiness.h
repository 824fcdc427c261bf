// Whether the logical slots that this standby copied may be used after its promotion. They may not before the primary
// keeps the catalog rows that they need, because of our feedback in a physical slot there. Source: Patroni's
// documentation of `slots`, and its log lines.
#pragma once

#include "core/decision.h"
#include "core/observation.h"

namespace tamada::core {

// On a standby: asks the leader about its slots once in loop_wait until each copied slot has been found safe, and
// reports that. A copied slot is safe when the catalog_xmin in our physical slot on the leader has passed the one that
// the logical slot had there when ours first became valid, and is not beyond the catalog_xmin of the copy.
void prove_copied_slots(const Observation& seen, Decision& decision);

// The warning about slots that have not been found safe when this node is promoted; empty when there are none.
std::string unproven_slots(const Memory::Slots& slots);

// Notes the slots that exist when PostgreSQL comes up as a standby as not yet safe: they were copied with the data, or
// are left from an earlier time.
void doubt_slots(const Observation& seen, Memory::Slots& slots);

}  // namespace tamada::core
