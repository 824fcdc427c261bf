// Reads YAML as Patroni reads its files (PyYAML's SafeLoader), into JSON and the line of each value.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/types.h"

namespace tamada::config {

struct Document {
  nlohmann::ordered_json value;
  // The place where each value was written: "postgresql.listen" or "etcd.hosts[1]" -> "patroni.yml:12".
  std::map<std::string, std::string> origins;
};

// `name` is how errors name the text: "patroni.yml:3: ...".
core::Result<Document> parse_yaml(std::string_view text, const std::string& name);

// "postgresql" + "listen" -> "postgresql.listen".
std::string join_path(std::string_view parent, std::string_view key);
std::string join_path(std::string_view parent, std::size_t index);

}  // namespace tamada::config
