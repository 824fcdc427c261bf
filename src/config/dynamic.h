// The cluster's dynamic configuration (the key `config`), beside what effective.h declares of it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace tamada::config {

// PATCH /config: null deletes, objects merge recursively, everything else replaces.
nlohmann::ordered_json merge(nlohmann::ordered_json base, const nlohmann::ordered_json& patch);

// A value as a line of postgresql.conf or an argument carries it: on/off for booleans, numbers as they are. nullopt for
// null, lists and mappings.
std::optional<std::string> parameter_text(const nlohmann::ordered_json& value);

}  // namespace tamada::config
