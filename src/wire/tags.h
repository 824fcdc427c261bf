// A member's tags: the object `tags` of patroni.yml, of a member key and of GET /patroni.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "core/tags.h"

namespace tamada::wire {

// Strings count ('true'). nofailover/nosync decide over failover_priority/sync_priority where both are given, as in
// Patroni.
core::Tags parse_tags(const nlohmann::ordered_json& tags);
// The object that Tags::published stands for.
nlohmann::ordered_json tags_json(const core::Tags& tags);

}  // namespace tamada::wire
