#include "core/restart_conditions.h"

namespace tamada::core {

std::optional<std::string_view> restart_obstacle(const Observation& seen, std::string_view role,
                                                 const RestartRequest& request) {
  if (!request.role.empty() && request.role != role) return "host role mismatch";
  if (request.below_version && request.below_version <= seen.postgres.server_version) {
    return "postgres version mismatch";
  }
  if (request.only_pending && (!seen.postgres.sql || seen.postgres.sql->pending_restart.empty())) {
    return "pending restart flag is not set";
  }
  return std::nullopt;
}

Duration start_limit(const Settings& settings, const Memory& memory) {
  if (memory.restarting && memory.restarting->timeout) return *memory.restarting->timeout;
  return settings.primary_start_timeout;
}

}  // namespace tamada::core
