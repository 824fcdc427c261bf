#include "core/silence.h"

namespace tamada::core {

std::optional<Instant> silent_since(const Observation& seen) {
  const auto& since = seen.postgres.silent_since;
  if (!since || seen.settings.primary_unresponsive == PrimaryUnresponsive::off) return std::nullopt;
  return seen.now - *since >= seen.settings.loop_wait ? since : std::nullopt;
}

std::string connection_problem(const Observation& seen) {
  if (seen.settings.primary_unresponsive == PrimaryUnresponsive::off) return "";
  if (silent_since(seen)) return "PostgreSQL answers no new connection, its postmaster may hang";
  if (seen.postgres.silent_since || seen.postgres.connect_error.empty()) return "";
  return "PostgreSQL refuses our connection: " + seen.postgres.connect_error;
}

}  // namespace tamada::core
