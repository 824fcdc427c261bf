// The sections of the dynamic configuration that describe more than a number: slots, ignore_slots, standby_cluster.
// Source: Patroni's documentation, "Dynamic Configuration Settings".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/json.h"
#include "core/settings.h"

namespace tamada::config {

// Reads `slots` (also under its older names). Entries that are no slots are left out with a warning.
std::map<std::string, core::PermanentSlot> permanent_slots(const Json& dynamic, std::vector<std::string>* warnings);
std::vector<core::SlotMatcher> ignored_slots(const Json& dynamic);
// nullopt unless it names a host, a port or a restore_command: Patroni's rule for a standby cluster.
std::optional<core::StandbyCluster> standby_cluster(const Json& dynamic);

}  // namespace tamada::config
