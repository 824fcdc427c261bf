// Failsafe mode: a primary that has lost the DCS goes on for as long as every other member of the cluster agrees.
// Whoever agreed does not race for a ttl from then on, so the agreement is worth what a renewal of the lease is.
// Source: Patroni's documentation "DCS Failsafe Mode".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/action.h"
#include "core/memory.h"
#include "core/observation.h"

namespace tamada::core {

// The wanted value of the key `failsafe`, if the leader has to write it: every member's name and its REST API's URL.
std::optional<std::map<std::string, std::string>> failsafe_to_write(const Observation& seen);

// Whether this primary may ask the members: failsafe_mode is on, and the key `failsafe`, as last seen, names this node.
bool failsafe_possible(const Observation& seen);
// A member answered that it does not agree: it leads itself, or it does not know the mode.
bool failsafe_refused(const Observation& seen);
AskFailsafe failsafe_question(const Observation& seen);
// If all other members agreed: until when this node may take writes.
std::optional<Instant> failsafe_until(const Observation& seen);

// For how long the consent of the others counts: the ttl that the question told, even if it has changed since.
Duration consent_length(const Observation& seen);
// Until when our own consent counts that we gave to another member; only meaningful if one asked.
Instant consent_ends_at(const Observation& seen);

// Whether this node goes on as the primary with that consent, though its lease may be over.
bool leads_by_failsafe(const Observation& seen, Instant now);

// A primary that has lost the DCS asks for our consent to go on. Returns why we refuse: as far as we know another
// member leads, or this node is about to. nullopt: we consent, and do not race for a ttl from now on.
std::optional<std::string> failsafe_refusal(const ClusterView& cluster, const JobView& job, std::string_view asking);

// A primary that has lost the DCS asked us less than its ttl ago: this node must not be promoted.
bool failsafe_leader_alive(const Observation& seen);
// Such a primary asked while our request for the leader key was under way: the key must not be used.
bool gave_consent_meanwhile(const Observation& seen, const Memory& memory);
// Who may go on with a consent that a former run of this daemon gave and this one does not know of; empty: nobody.
// Valid after a poll of the members.
std::string may_have_our_consent(const Observation& seen, const Memory& memory);
// Whether the key `failsafe` does not name the member. It was no member when the DCS was last reachable and lacks what
// the primary wrote in failsafe mode, so it is never promoted, and nobody waits for it.
bool excluded_by_failsafe(const Observation& seen, const std::string& member);

}  // namespace tamada::core
