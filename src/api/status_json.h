// The body of GET /patroni and of every health check.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "api/board.h"
#include "core/problem.h"

namespace tamada::api {

// The Patroni version that this daemon reports, because older members and monitoring compare it.
inline constexpr std::string_view patroni_version = "4.1.4";

struct Identity {
  std::string scope, name;
};

nlohmann::ordered_json status_json(const Snapshot& snapshot, core::Instant now, const Identity& identity);

nlohmann::ordered_json problems_json(const core::Problems& problems);

}  // namespace tamada::api
