// GET /metrics, for Prometheus.
#pragma once

#include <string>

#include "api/status_json.h"

namespace tamada::api {

std::string metrics_text(const Snapshot& snapshot, core::Instant now, const Identity& identity);

}  // namespace tamada::api
