// GET /metrics, for Prometheus.
#pragma once

#include <string>

#include "api/journal.h"
#include "api/metrics_page.h"
#include "api/telemetry.h"

namespace tamada::api {

std::string metrics_text(const Snapshot& snapshot, core::Instant now, const Identity& identity, const Journal& journal,
                         const Telemetry& telemetry);

void add_own_metrics(MetricsPage& page, const Snapshot& snapshot, core::Instant now, const Journal& journal,
                     const Telemetry& telemetry);

}  // namespace tamada::api
