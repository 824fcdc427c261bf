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

// What the key `failsafe` should be, where the leader has to write it: every member with its API's address.
std::optional<std::map<std::string, std::string>> failsafe_to_write(const Observation& seen);

// Whether this primary may ask: the mode is on, and the key, as we last saw it, names us.
bool failsafe_possible(const Observation& seen);
// Somebody answered, and does not agree: it leads, or does not know of the mode.
bool failsafe_refused(const Observation& seen);
AskFailsafe failsafe_question(const Observation& seen);
// All others agreed: until when this node may take writes by that.
std::optional<Instant> failsafe_until(const Observation& seen);

// For how long the others' consent counts: the ttl that they were asked with. It may have been changed since.
Duration consent_length(const Observation& seen);
// Until when our own consent to another's question counts; meaningful where there was a question.
Instant consent_ends_at(const Observation& seen);

// Goes on as the primary by that leave, though the lease may be over.
bool leads_by_failsafe(const Observation& seen, Instant now);

// A primary that has lost the DCS asks for leave to go on. Why it has none of us: by all that we last knew another
// leads, or we are about to. Nothing: it has it, and binds us for a ttl.
std::optional<std::string> failsafe_refusal(const ClusterView& cluster, const JobView& job, std::string_view asking);

// A primary that has lost the DCS asked us not long ago: nobody is to be promoted.
bool failsafe_leader_alive(const Observation& seen);
// It asked while our request for the leader key was under way: the key is not to be used.
bool gave_leave_meanwhile(const Observation& seen, const Memory& memory);
// Who may go on by a leave that a former run of this daemon gave, which we do not know of; empty: nobody. Needs a poll.
std::string may_have_our_leave(const Observation& seen, const Memory& memory);
// The same facts, but with that primary as the leader, and its slots.
Observation with_failsafe_leader(const Observation& seen);
// Not named in the key: never promoted, and so not waited for. It was no member when the DCS was last there, and has
// not what the primary of failsafe mode wrote.
bool excluded_by_failsafe(const Observation& seen, const std::string& member);

}  // namespace tamada::core
