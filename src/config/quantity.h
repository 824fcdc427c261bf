// Numbers with units, as PostgreSQL's and Patroni's settings spell them: 30, "30", "30min", "128MB", "0x10".
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace tamada::config {

enum class Unit { none, second, megabyte };

// A number without a unit counts in `base`. Nothing when it is none, or carries a unit that does not fit.
std::optional<std::int64_t> quantity(const nlohmann::ordered_json& value, Unit base = Unit::none);

}  // namespace tamada::config
