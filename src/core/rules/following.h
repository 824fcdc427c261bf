// How a standby comes to follow whom it should: shared by the rules of replicas and of a standby leader.
#pragma once

#include "core/divergence.h"
#include "core/rules/common.h"

namespace tamada::core::rules {

// The outcome of pg_rewind, where one has ended and nobody has dealt with it yet.
void note_rewind(const Observation& seen, Memory& memory);
// Whom a standby that is started in an emergency, without a look at another server, follows: the server that it was
// rewound to, without whose WAL it never becomes consistent; else nobody.
Upstream upstream_in_emergency(const Memory& memory);

inline constexpr Duration ask_again = 200ms;  // while a new leader is still promoting

// source's answer to AskUpstream, no older than `age_max` unless this decision is the first that sees it.
bool answer_fresh(const Observation& seen, const Memory& memory, const Upstream& source, Duration age_max = ask_again);

// For its timeline, and whether that of our own WAL begins there as here.
AskUpstream ask_about(const Observation& seen, const Upstream& source);

// Starts the stopped server as a standby of `upstream`; a failed start is tried again with growing pauses.
Decision start_following(const Observation& seen, const Memory& memory, const Upstream& upstream,
                         const std::string& reason);

// The local WAL has parted from the source's.
Decision mend(const Observation& seen, const Memory& memory, const Upstream& source, Divergence how);

// Of a running standby: follows wanted_upstream(), and looks after its history while it does not stream.
// quiet: what to say when all is well.
Decision keep_following(const Observation& seen, const Memory& memory, const std::string& quiet);

}  // namespace tamada::core::rules
