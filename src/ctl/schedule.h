// The times that --scheduled takes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/types.h"

namespace tamada::ctl {

// "5m", "2 hours", "30 seconds"
std::optional<core::Duration> parse_period(std::string_view text);

// nullopt for "now" and "". ISO 8601, a date alone (midnight) or a time alone (today); without a zone it is local time.
// "in 5 minutes", "today 23:00", "tomorrow 03:00", too.
core::Result<std::optional<core::WallTime>> parse_scheduled(const std::string& text);

std::string next_hour();  // an example for the question: "2026-11-22T23:25", local time

// "9.6.2", "15.3": checks a version; the error is Patroni's.
core::Result<void> check_pg_version(const std::string& text);

}  // namespace tamada::ctl
