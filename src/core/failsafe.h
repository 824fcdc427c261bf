// Failsafe mode: a primary that has lost the DCS goes on for as long as every other member of the cluster agrees.
// Whoever agreed does not race for a ttl from then on, so the agreement is worth what a renewal of the lease is.
// Source: Patroni's documentation "DCS Failsafe Mode".
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/action.h"
#include "core/observation.h"

namespace tamada::core {

// What the key `failsafe` should be, where the leader has to write it: every member with its API's address.
std::optional<std::map<std::string, std::string>> failsafe_to_write(const Observation& seen);

// Whether this primary may ask: the mode is on, and the key, as we last saw it, names us.
bool failsafe_possible(const Observation& seen);
// Somebody answered, and does not agree: it leads, or does not know of the mode.
bool failsafe_refused(const Observation& seen);
AskFailsafe failsafe_question(const Observation& seen);
// All others agreed: until when this node may take writes by that.
std::optional<Instant> failsafe_until(const Observation& seen);

// A primary that has lost the DCS asked us not long ago: nobody is to be promoted.
bool failsafe_leader_alive(const Observation& seen);
// The same facts, but with that primary as the leader, and its slots.
Observation with_failsafe_leader(const Observation& seen);
// Not named in the key: never promoted. It was no member when the DCS was last there.
bool excluded_by_failsafe(const Observation& seen);

}  // namespace tamada::core
