// How this node presents itself to the other members: its member key, and the words for its state and role.
#pragma once

#include <string>

#include "core/memory.h"
#include "core/observation.h"

namespace tamada::core {

inline constexpr std::string_view compatible_version = "4.1.4";  // the version of Patroni whose keys and answers ours
                                                                 // are compatible with

// Patroni's word for PostgreSQL's state ("running", "creating replica" ...); source: PostgresqlState in its
// documentation of the metric patroni_postgres_state.
std::string state_word(const Observation& seen, const Memory& memory);
// primary, replica, demoted (stopped, and was primary), uninitialized
std::string role_word(const Observation& seen, const Memory& memory);
// The member key that should be in the DCS now.
Member member_record(const Observation& seen, const Memory& memory, const Problems& standing);
// The progress while this node is being copied from another one; nullopt when it is not.
std::optional<CopyProgress> copy_progress(const Observation& seen);
// Whether the two differ in more than positions. A changed position alone is not written before the next heartbeat.
bool differs_in_kind(const Member& a, const Member& b);
bool differs_in_position(const Member& a, const Member& b);

std::string first_line(const std::string& text);  // the first line, cut to the length that a line of output has room
                                                  // for
// How pg_rewind ended on a half-rewound data directory, and what the operator can do.
std::string half_rewound(const PostgresView& postgres);
// Why the processes of a server that has shut down have not ended.
std::string shutdown_waits_for(const PostgresView& postgres);

}  // namespace tamada::core
