// Named sets of intervals, of which the dynamic configuration may choose one: `profile: fast | norm | wide`.
#pragma once

#include <string>
#include <vector>

#include "config/json.h"

namespace tamada::config {

// Adds the keys of the profile that `dynamic` names, except those that `dynamic` has itself (a null counts as absent).
// If it names no known profile, it is returned unchanged.
Json with_profile(Json dynamic);

// A sentence for each key that overrides the profile's value.
std::vector<std::string> overridden_by_keys(const Json& dynamic);

}  // namespace tamada::config
