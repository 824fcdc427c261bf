// Reads the times that the option --scheduled accepts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/types.h"

namespace tamada::ctl {

// Reads "5m", "2 hours", "30 seconds".
std::optional<core::Duration> parse_period(std::string_view text);

// Reads ISO 8601, a date alone (its midnight) or a time alone (today), also "in 5 minutes", "today 23:00", "tomorrow
// 03:00". Without a zone the time is local. nullopt for "now" and "".
core::Result<std::optional<core::WallTime>> parse_scheduled(const std::string& text);

std::string next_hour();  // an example for the question: "2026-11-22T23:25", local time

// Checks a version such as "9.6.2" or "15.3"; the error text is Patroni's.
core::Result<void> check_pg_version(const std::string& text);

}  // namespace tamada::ctl
