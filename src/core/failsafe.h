// Failsafe mode: a primary that has lost the DCS goes on as long as every other member of the cluster agrees. A member
// that agreed does not race for a ttl from then on, so the agreement is worth as much as a renewal of the lease.
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
// Whether a member answered that it does not agree, because it leads itself or does not know the mode.
bool failsafe_refused(const Observation& seen);
AskFailsafe failsafe_question(const Observation& seen);
// The instant until which this node may take writes, if all other members agreed.
std::optional<Instant> failsafe_until(const Observation& seen);

// How long the consent of the others counts: the ttl that the question contained, even if the setting has changed
// since.
Duration consent_length(const Observation& seen);
// The end of the consent that this node gave to another member; only meaningful if one asked.
Instant consent_ends_at(const Observation& seen);

// Whether this node goes on as the primary by the others' consent, although its lease may be over.
bool leads_by_failsafe(const Observation& seen, Instant now);

// A primary that has lost the DCS asks for our consent to go on. Returns why we refuse: as far as we know another
// member leads, or this node is about to lead. nullopt when we consent; then this node does not race for a ttl from now
// on.
std::optional<std::string> failsafe_refusal(const ClusterView& cluster, const JobView& job, std::string_view asking);

// Whether a primary that has lost the DCS asked us less than its ttl ago, so that this node must not be promoted.
bool failsafe_leader_alive(const Observation& seen);
// Whether such a primary asked while our request for the leader key was under way, so that the key must not be used.
bool gave_consent_meanwhile(const Observation& seen, const Memory& memory);
// The member that may go on by a consent which an earlier run of this daemon gave and this run does not know; empty
// when there is none. Valid after a poll of the members.
std::string may_have_our_consent(const Observation& seen);
// Whether the key `failsafe` does not name the member. Such a member did not belong to the cluster when the DCS was
// last reachable, and lacks what the primary wrote in failsafe mode. So it is promoted only if an operator names it,
// and no election waits for it.
bool excluded_by_failsafe(const Observation& seen, const std::string& member);
// Why this member, although an operator's request names it, may not be promoted: `failsafe` does not name it, so a
// primary in failsafe mode does not ask it, and these members may be that primary. nullopt when all of them answered as
// running standbys, or the request is a failover with force. Valid after a poll of the members.
std::optional<std::string> failsafe_obstacle(const Observation& seen);

}  // namespace tamada::core
