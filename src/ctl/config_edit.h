// Changes the dynamic configuration by the options of edit-config, as pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/types.h"

namespace tamada::ctl {

// The pairs are such as "ttl=30" or "postgresql.parameters.work_mem=8MB"; the value is YAML. A null or empty value
// removes the key, and also each mapping that becomes empty by that.
core::Result<nlohmann::ordered_json> set_values(nlohmann::ordered_json config, const std::vector<std::string>& pairs);

// Whether both are equal, apart from the order of the keys.
bool same(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b);

}  // namespace tamada::ctl
