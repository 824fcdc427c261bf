// The target of a request.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tamada::api {

struct Target {
  std::string path;  // as received: "/replica"
  std::string query;
  std::string_view segment() const;  // what routes go by: "replica" of "/replica/any"
};
Target split_target(std::string_view target);

// Decoded, in order. A name without a value is left out, as Patroni does.
using Query = std::vector<std::pair<std::string, std::string>>;
Query parse_query(std::string_view query);
const std::string* find(const Query& query, std::string_view name);  // the first one

}  // namespace tamada::api
