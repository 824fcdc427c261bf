// Named sets of intervals, of which the dynamic configuration may choose one: `profile: fast | norm | wide`.
#pragma once

#include <string>
#include <vector>

#include "config/json.h"

namespace tamada::config {

// Adds the keys of the profile that `dynamic` names, where it has none of its own (a null counts as none). Without a
// profile, or with one that is not known, it stays as it is.
Json with_profile(Json dynamic);

// A sentence for each key that stands beside the profile and counts instead of the profile's value.
std::vector<std::string> overridden_by_keys(const Json& dynamic);

}  // namespace tamada::config
