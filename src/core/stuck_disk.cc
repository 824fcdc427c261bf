#include "core/stuck_disk.h"

#include <algorithm>

namespace tamada::core {

std::optional<Instant> disk_stuck_since(const Observation& seen, const Memory& memory) {
  const auto& postgres = seen.postgres;
  const bool serves = postgres.process == ProcessState::running || postgres.process == ProcessState::unresponsive;
  if (!postgres.disk_write_since || !postgres.commit_since || !postgres.may_write() || !serves) return std::nullopt;
  if (seen.settings.primary_unresponsive == PrimaryUnresponsive::off) return std::nullopt;
  const auto up_since = memory.server.up_since.value_or(Instant{});
  const auto since = std::max({*postgres.disk_write_since, *postgres.commit_since, memory.server.flushed_at, up_since});
  return seen.now - since >= std::max(seen.settings.loop_wait, slow_flush) ? std::optional(since) : std::nullopt;
}

std::string stuck_disk_problem(const Observation& seen, const Memory& memory) {
  return disk_stuck_since(seen, memory) ? "PostgreSQL flushes no WAL: commits wait for the disk" : "";
}

}  // namespace tamada::core
