// Makes a standby follow the right server; used by the rules for replicas and for a standby leader.
#pragma once

#include "core/divergence.h"
#include "core/rules/common.h"

namespace tamada::core::rules {

// Uses the outcome of pg_rewind, if it has ended and no decision has used that outcome yet.
void note_rewind(const Observation& seen, Memory::Jobs& jobs, Memory::Rewind& rewind);
// The server to follow if a standby has to be started before another server could be asked: the source of its last
// pg_rewind, whose WAL it needs to become consistent; otherwise none.
Upstream upstream_in_emergency(const Memory& memory);

inline constexpr Duration ask_again = 200ms;  // how often the server to follow is asked until it runs as a primary

// Whether the answer of `source` to AskUpstream may be used: it is no older than `age_max`, or this decision is the
// first that sees it.
bool answer_fresh(const Observation& seen, const Memory& memory, const Upstream& source, Duration age_max = ask_again);

// Asks the server for its timeline, and whether our own timeline begins with the same record there.
AskUpstream ask_about(const Observation& seen, const Upstream& source);

// Starts the stopped server as a standby of `upstream`; a failed start is tried again with growing pauses.
Decision start_following(const Observation& seen, const Memory& memory, Upstream upstream, std::string reason);

// The decision when the local WAL has parted from the source's.
Decision resolve_divergence(const Observation& seen, const Memory& memory, const Upstream& source, Divergence how);

// For a running standby: makes it follow wanted_upstream(), and checks its history while it does not stream. quiet: the
// reason to give when nothing has to be done.
Decision keep_following(const Observation& seen, const Memory& memory, const std::string& quiet);

}  // namespace tamada::core::rules
