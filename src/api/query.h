// The target of a request, and the numbers with units that its query may carry.
#pragma once

#include <cstdint>
#include <optional>
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

// PostgreSQL's way to write a quantity: "10MB", "0x400 kB", "1.5GB"; a bare number counts base units. nullopt for junk,
// which Patroni then ignores.
enum class Unit { bytes, seconds };
std::optional<std::int64_t> parse_quantity(std::string_view text, Unit base);

}  // namespace tamada::api
