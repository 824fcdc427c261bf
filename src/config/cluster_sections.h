// The structured sections of the dynamic configuration: slots, ignore_slots, standby_cluster. Source: Patroni's
// documentation, "Dynamic Configuration Settings".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/json.h"
#include "core/settings.h"

namespace tamada::config {

// Reads `slots`, also under its older names. Entries that do not describe a slot are left out with a warning.
std::map<std::string, core::PermanentSlot> permanent_slots(const Json& dynamic, std::vector<std::string>* warnings);
std::vector<core::SlotMatcher> ignored_slots(const Json& dynamic);
// nullopt unless the section names a host, a port or a restore_command; this is Patroni's rule for a standby cluster.
std::optional<core::StandbyCluster> standby_cluster(const Json& dynamic);

}  // namespace tamada::config
