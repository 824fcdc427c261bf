#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "core/cluster_view.h"

namespace tamada::wire {

// The value of members/<name>; revisions stay unset.
core::Member parse_member(std::string_view name, std::string_view value);

// {"what", "bytes_done", "bytes_total", "bytes_per_s", "seconds_left"}; null stands for what is not known.
nlohmann::ordered_json copy_json(const core::CopyProgress& copy);

}  // namespace tamada::wire
