// How far the fresh copy of a member is, from its GET /patroni. Pure.
#pragma once

#include <string>

#include "ctl/output.h"

namespace tamada::ctl {

// "pg_basebackup 12.3 GB of 40.0 GB (31 %), 95.1 MB/s, 4:58 left"; empty: the member does not report it (Patroni's
// never does).
std::string reinit_progress(const Json& status);

std::string format_bytes(std::uint64_t bytes);  // "512 B", "1.5 GB": powers of 1024, as PostgreSQL's

}  // namespace tamada::ctl
