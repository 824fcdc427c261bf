// A member's tags: the object `tags` of patroni.yml, of a member key and of GET /patroni.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "core/tags.h"

namespace tamada::wire {

// A string such as 'true' counts as a boolean. As in Patroni, nofailover and nosync decide if failover_priority or
// sync_priority is given as well.
core::Tags parse_tags(const nlohmann::ordered_json& tags);
// The object `tags` that Tags::published was read from.
nlohmann::ordered_json tags_json(const core::Tags& tags);

}  // namespace tamada::wire
