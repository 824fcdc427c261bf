// Small functions for JSON that several answers of the REST API use.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tamada::api {

// The text, or null if it is empty.
inline nlohmann::ordered_json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
}

}  // namespace tamada::api
