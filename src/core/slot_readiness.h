// Whether the logical slots that this standby copied may be used once it is promoted: not before the rows of the
// catalog that they need are kept for them on the primary, by our feedback in a physical slot there. Source: Patroni's
// documentation of `slots`, and its log lines.
#pragma once

#include "core/decision.h"
#include "core/observation.h"

namespace tamada::core {

// On a standby: asks the leader about its slots once in loop_wait until each copied slot has been found safe, and says
// so. A copied slot is safe when the catalog_xmin in our physical slot there has passed the one that the logical slot
// had there when ours first became valid, and is not beyond the one of the copy.
void prove_copied_slots(const Observation& seen, Decision& decision);

// What to say of those not yet found safe when this node is promoted; empty: nothing.
std::string unproven_slots(const Memory::Slots& slots);

// The slots found when PostgreSQL came up as a standby: copied with the data, or left from an earlier time.
void doubt_slots(const Observation& seen, Memory::Slots& slots);

}  // namespace tamada::core
