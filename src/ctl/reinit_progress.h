// The progress of a member's fresh copy, as a pure function of its answer to GET /patroni.
#pragma once

#include <string>

#include "ctl/output.h"

namespace tamada::ctl {

// A text such as "pg_basebackup 12.3 GB of 40.0 GB (31 %), 95.1 MB/s, 4:58 left"; empty when the member does not report
// it. Patroni's daemons never do.
std::string reinit_progress(const Json& status);

}  // namespace tamada::ctl
