// PATCH /config: merges a change into the dynamic configuration.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace tamada::wire {

// null removes a key, an object is merged into an object, any other value replaces the old one. The order is kept, and
// new keys come last. As in Patroni, a scalar with the same printed form ("30" and 30) does not count as a change.
// Returns whether anything changed.
bool merge_json(nlohmann::ordered_json& target, const nlohmann::ordered_json& patch);

}  // namespace tamada::wire
