// Functions on the cluster's dynamic configuration (the key `config`); effective.h has the rest.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace tamada::config {

// The rule of PATCH /config: null deletes a key, objects are merged recursively, and any other value replaces the old
// one.
nlohmann::ordered_json merge(nlohmann::ordered_json base, const nlohmann::ordered_json& patch);

// A value as text for a line of postgresql.conf or an argument: on/off for booleans, numbers as they are; nullopt for
// null, lists and mappings.
std::optional<std::string> parameter_text(const nlohmann::ordered_json& value);

}  // namespace tamada::config
