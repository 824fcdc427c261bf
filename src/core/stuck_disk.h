// A disk of the primary that takes no write any more: connections are answered, who reads from memory is served, and
// commits wait without end.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/memory.h"
#include "core/observation.h"

namespace tamada::core {

// What a server tells of it, and what another member reads in its answer.
inline constexpr std::string_view unended_write = "a small write beside the data does not end";

inline constexpr Duration slow_flush = std::chrono::seconds(5);  // so long a disk may take for one at any time

// Since when neither the small write nor a commit of our own has come back and the server has flushed no WAL, once that
// has lasted too long to be one slow flush. nullopt: a disk that is slow, as during a checkpoint, ends one of them now
// and then; a full one ends both by an error; a server that starts and recovers may flush for as long as that takes.
// The commit is needed because an idle server flushes nothing, and because pg_wal may lie on another disk.
std::optional<Instant> disk_stuck_since(const Observation& seen, const Memory& memory);
// For the operator; empty: commits get through, as far as is known.
std::string stuck_disk_problem(const Observation& seen, const Memory& memory);

}  // namespace tamada::core
