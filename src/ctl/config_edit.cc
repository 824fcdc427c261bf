#include "ctl/config_edit.h"

#include <nlohmann/json.hpp>
#include <span>

#include "config/yaml.h"

namespace tamada::ctl {
namespace {

using Json = nlohmann::ordered_json;

std::string trim(std::string text) {
  text.erase(0, text.find_first_not_of(" \t\n"));
  text.erase(text.find_last_not_of(" \t\n") + 1);
  return text;
}

std::vector<std::string> path_of(std::string_view text) {
  std::vector<std::string> path;
  // A server parameter's name may contain dots; no level follows it.
  constexpr std::string_view parameters = "postgresql.parameters.";
  const bool parameter = text.starts_with(parameters);
  for (;;) {
    const auto dot = parameter && path.size() == 2 ? text.npos : text.find('.');
    path.emplace_back(text.substr(0, dot));
    if (dot == text.npos) return path;
    text.remove_prefix(dot + 1);
  }
}

void set(Json& config, std::span<const std::string> path, const Json& value) {
  const auto& key = path.front();
  if (path.size() > 1) {
    if (!config.contains(key) || !config[key].is_object()) config[key] = Json::object();
    set(config[key], path.subspan(1), value);
    if (config[key].empty()) config.erase(key);
  } else if (value.is_null()) {
    config.erase(key);
  } else {
    config[key] = value;
  }
}

}  // namespace

core::Result<Json> set_values(Json config, const std::vector<std::string>& pairs) {
  for (const auto& pair : pairs) {
    const auto sign = pair.find('=');
    if (sign == pair.npos) return core::fail("Invalid parameter setting " + pair);
    const auto value = config::parse_yaml(pair.substr(sign + 1), pair);
    if (!value) return std::unexpected(value.error());
    set(config, path_of(trim(pair.substr(0, sign))), value->value);
  }
  return config;
}

bool same(const Json& a, const Json& b) {
  // nlohmann::json, unlike ordered_json, sorts its keys.
  const auto sorted = [](const Json& json) {
    return nlohmann::json::parse(json.dump(-1, ' ', false, Json::error_handler_t::replace), nullptr, false);
  };
  return sorted(a) == sorted(b);
}

}  // namespace tamada::ctl
