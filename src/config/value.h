// What a value of YAML or JSON is to a key of the table: nothing where it does not fit.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/schema.h"

namespace tamada::config {

// Text, or a number that somebody did not quote (`scope: 12`).
std::optional<std::string> as_text(const nlohmann::ordered_json& value);
// In the table's spelling; `on` and `off` may be YAML's booleans.
std::optional<std::string> as_word(const Key& key, const nlohmann::ordered_json& value);
std::optional<std::int64_t> as_number(const Key& key, const nlohmann::ordered_json& value);
std::vector<std::string> as_lines(const nlohmann::ordered_json& value);  // of text with commas too

// Absent: null, and an empty text where that says nothing.
bool is_absent(const Key& key, const nlohmann::ordered_json& value);

// What an error calls a value: "a mapping", "a list".
std::string_view kind(const nlohmann::ordered_json& value);

struct Mistake {
  std::string below;  // "[1]", ".name": the part that is wrong; empty: the value itself
  std::string what;
};
// Everything that is wrong with a value that is no section.
std::vector<Mistake> mistakes(const Key& key, const nlohmann::ordered_json& value);

}  // namespace tamada::config
