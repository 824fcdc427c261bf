// The configuration before it is read into structs: JSON with its keys in their order.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace tamada::config {

using Json = nlohmann::ordered_json;

}  // namespace tamada::config
