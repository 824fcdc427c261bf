// A disk of the primary that completes no writes any more. The server still accepts connections and answers queries
// from memory, but commits wait without end.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/memory.h"
#include "core/observation.h"

namespace tamada::core {

// The text by which a server reports such a disk; other members recognize it in its answer.
inline constexpr std::string_view unended_write = "a small write beside the data does not end";

inline constexpr Duration slow_flush = std::chrono::seconds(5);  // a working disk may take this long for one flush at
                                                                 // any time

// The instant since which the disk has completed nothing: neither the small test write nor a commit of our own has
// ended, and the server has flushed no WAL. nullopt while this has not lasted too long to be one slow flush. A disk
// that is only slow, as during a checkpoint, ends one of them now and then. A full disk ends both by an error. A server
// that starts and recovers may flush for as long as that takes. The commit is needed because an idle server flushes
// nothing, and because pg_wal may be on another disk.
std::optional<Instant> disk_stuck_since(const Observation& seen, const Memory& memory);
// The text for the operator; empty when commits succeed, as far as is known.
std::string stuck_disk_problem(const Observation& seen, const Memory& memory);

}  // namespace tamada::core
