// Changes to the dynamic configuration, as edit-config's options ask for them. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/types.h"

namespace tamada::ctl {

// "ttl=30", "postgresql.parameters.work_mem=8MB": the value is YAML; null, or nothing, removes the key, and mappings
// that get empty by it.
core::Result<nlohmann::ordered_json> set_values(nlohmann::ordered_json config, const std::vector<std::string>& pairs);

// A difference in the order of keys is none.
bool same(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b);

}  // namespace tamada::ctl
