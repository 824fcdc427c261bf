// YAML as PyYAML's safe_dump(default_flow_style=False) prints it: keys sorted, text quoted where a reader of YAML 1.1
// would take it for something else. People compare what the command prints with what patronictl printed.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace tamada::config {

struct EmitOptions {
  int width = 200;      // where long text is folded; 200 and Unicode are what patronictl asks for
  bool unicode = true;  // false: everything outside ASCII is escaped
};
std::string emit_yaml(const nlohmann::ordered_json& value, EmitOptions options = {});

}  // namespace tamada::config
