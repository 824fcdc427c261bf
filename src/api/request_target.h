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
  std::string_view segment() const;  // the part that selects the route: "replica" of "/replica/any"
};
Target split_target(std::string_view target);

// Decoded, in order. As in Patroni, a name without a value is left out.
using Query = std::vector<std::pair<std::string, std::string>>;
Query parse_query(std::string_view query);
const std::string* find(const Query& query, std::string_view name);  // the first value of that name; nullptr when there
                                                                     // is none

}  // namespace tamada::api
