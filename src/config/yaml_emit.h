// Prints YAML as PyYAML's safe_dump(default_flow_style=False) does: keys are sorted, and text is quoted where a reader
// of YAML 1.1 would take it for another type. People compare what the command prints with what patronictl printed.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace tamada::config {

struct EmitOptions {
  int width = 200;      // the column after which long text is folded; patronictl asks for 200 and Unicode
  bool unicode = true;  // false: all characters outside ASCII are escaped
};
std::string emit_yaml(const nlohmann::ordered_json& value, EmitOptions options = {});

}  // namespace tamada::config
