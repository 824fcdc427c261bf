// What a plain (unquoted) word of YAML 1.1 means, as PyYAML's SafeLoader reads it: `on` is true, 010 is 8, 1:30 is 90.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace tamada::config {

// Dates stay text, because JSON has no dates and no key of the configuration needs one.
nlohmann::ordered_json resolve_plain(std::string_view word);

// Whether PyYAML would read `word` as another type than text; such text has to be quoted when it is printed.
bool reads_as_other_than_text(std::string_view word);

}  // namespace tamada::config
