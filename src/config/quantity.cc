#include "config/quantity.h"

#include <nlohmann/json.hpp>
#include <string>

#include "wire/json.h"
#include "wire/number.h"

namespace tamada::config {

std::optional<std::int64_t> quantity(const nlohmann::ordered_json& value, std::string_view unit) {
  if (value.is_number()) return wire::to_integer(value);
  return value.is_string() ? wire::parse_whole(value.get_ref<const std::string&>(), unit) : std::nullopt;
}

}  // namespace tamada::config
