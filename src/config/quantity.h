// Numbers of a configuration: 30, "30", "30min", "128MB", "0x10".
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace tamada::config {

// Reads a number in `unit` ("s", "MB") as wire/number.h does; nullopt when it is no number, or when its unit does not
// fit.
std::optional<std::int64_t> quantity(const nlohmann::ordered_json& value, std::string_view unit = {});

}  // namespace tamada::config
