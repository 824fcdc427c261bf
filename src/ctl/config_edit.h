// Changes to the dynamic configuration, as edit-config's options ask for them. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/types.h"

namespace tamada::ctl {

// "ttl=30", "postgresql.parameters.work_mem=8MB": the value is YAML. A null or empty value removes the key, and
// mappings that become empty by that.
core::Result<nlohmann::ordered_json> set_values(nlohmann::ordered_json config, const std::vector<std::string>& pairs);

// Whether both are equal, in whatever order the keys are.
bool same(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b);

}  // namespace tamada::ctl
