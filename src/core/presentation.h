// How this node shows itself to the others: its member key, and the words for its state and role.
#pragma once

#include <string>

#include "core/memory.h"
#include "core/observation.h"

namespace tamada::core {

inline constexpr std::string_view compatible_version = "4.1.4";  // of Patroni: what our keys and answers look like

// Patroni's word for PostgreSQL's state ("running", "creating replica" ...); source: PostgresqlState in its
// documentation of the metric patroni_postgres_state.
std::string state_word(const Observation& seen, const Memory& memory);
// primary, replica, demoted (stopped, and was primary), uninitialized
std::string role_word(const Observation& seen, const Memory& memory);
// The member key as it should stand now.
Member member_record(const Observation& seen, const Memory& memory, const Problems& standing);
// While this node is being copied from another; nullopt: it is not.
std::optional<CopyProgress> copy_progress(const Observation& seen);
// Equal but for positions, which alone are no reason to write before the next heartbeat.
bool differs_in_kind(const Member& a, const Member& b);
bool differs_in_position(const Member& a, const Member& b);

std::string first_line(const std::string& text);  // cut to what a line has room for
// What became of a half-rewound data directory, and what to do.
std::string half_rewound(const PostgresView& postgres);
// Why the processes of a server that has shut down have not ended.
std::string shutdown_waits_for(const PostgresView& postgres);

}  // namespace tamada::core
