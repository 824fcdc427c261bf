// The times that --scheduled takes.
#pragma once

#include <optional>
#include <string>

#include "core/types.h"

namespace tamada::ctl {

// "now" and "": nothing. ISO 8601, a date alone (midnight) or a time alone (today); without a zone it is local time.
core::Result<std::optional<core::WallTime>> parse_scheduled(const std::string& text);

std::string next_hour();  // an example for the question: "2026-11-22T23:25", local time

// "9.6.2", "15.3": whether it is one; the error is Patroni's.
core::Result<void> check_pg_version(const std::string& text);

}  // namespace tamada::ctl
