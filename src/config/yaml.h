// YAML as Patroni's files are read (PyYAML's SafeLoader), as JSON plus the line where each value stands.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/types.h"

namespace tamada::config {

struct Document {
  nlohmann::ordered_json value;
  // "postgresql.listen", "etcd.hosts[1]" -> where it was written: "patroni.yml:12".
  std::map<std::string, std::string> origins;
};

// `name` is what errors call the text: "patroni.yml:3: ...".
core::Result<Document> parse_yaml(std::string_view text, const std::string& name);

// "postgresql" + "listen" -> "postgresql.listen".
std::string join_path(std::string_view parent, std::string_view key);
std::string join_path(std::string_view parent, std::size_t index);

}  // namespace tamada::config
