#pragma once

#include <string_view>

#include "core/cluster_view.h"

namespace tamada::wire {

// The value of members/<name>; revisions stay unset.
core::Member parse_member(std::string_view name, std::string_view value);

}  // namespace tamada::wire
