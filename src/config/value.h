// Reads a value of YAML or JSON as the type of a key. The result is nullopt, or empty, when the value does not fit.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/schema.h"

namespace tamada::config {

// A text, or a number that was written without quotation marks (`scope: 12`).
std::optional<std::string> as_text(const nlohmann::ordered_json& value);
// A word in the table's spelling. YAML reads an unquoted `on` or `off` as a boolean, which counts as that word.
std::optional<std::string> as_word(const Key& key, const nlohmann::ordered_json& value);
std::optional<std::int64_t> as_number(const Key& key, const nlohmann::ordered_json& value);
std::vector<std::string> as_lines(const nlohmann::ordered_json& value);  // also of a text with commas

// Whether the value counts as absent: it is null, or it is an empty text for a key of words, booleans or numbers.
bool is_absent(const Key& key, const nlohmann::ordered_json& value);

// How an error names a value: "a mapping", "a list".
std::string_view kind(const nlohmann::ordered_json& value);

struct Mistake {
  std::string below;  // the part that is wrong, such as "[1]" or ".name"; empty when it is the value itself
  std::string what;
};
// Everything that is wrong with a value that is no section.
std::vector<Mistake> mistakes(const Key& key, const nlohmann::ordered_json& value);

}  // namespace tamada::config
