#pragma once

#include <optional>
#include <string_view>

#include "postgres/postgres.h"

namespace tamada::postgres {

// Reads "  1234/56789 kB (2%), 0/1 tablespace", a line of pg_basebackup --progress.
std::optional<Progress> parse_basebackup_progress(std::string_view line);

}  // namespace tamada::postgres
