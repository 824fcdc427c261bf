// The progress of a member's fresh copy, as a pure function of its answer to GET /patroni.
#pragma once

#include <string>

#include "ctl/output.h"

namespace tamada::ctl {

// A text such as "pg_basebackup 12.3 GB of 40.0 GB (31 %), 95.1 MB/s, 4:58 left"; empty when the member does not report
// it. Patroni's daemons never do.
std::string reinit_progress(const Json& status);

std::string format_bytes(std::uint64_t bytes);  // "512 B", "1.5 GB"; the units are powers of 1024, as in PostgreSQL

}  // namespace tamada::ctl
