// YAML as PyYAML's safe_dump(width=200, allow_unicode=True) prints it: keys sorted, lists not indented under their key.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace tamada::ctl {

std::string yaml_block(const nlohmann::ordered_json& value);
std::string yaml_flow(const nlohmann::ordered_json& value);  // {a: 1, b: [x]}

}  // namespace tamada::ctl
