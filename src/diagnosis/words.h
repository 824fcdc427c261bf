// Numbers for people.
#pragma once

#include <cstdint>
#include <string>

namespace tamada::diagnosis {

std::string format_age(double seconds);         // "12 s", "3 min", "2 h", "5 days"
std::string format_bytes(std::uint64_t bytes);  // "512 B", "1.5 GB"; the units are powers of 1024, as in PostgreSQL
std::string format_pg_version(std::int64_t number);  // 90624 -> 9.6.24, 150020 -> 15.20

}  // namespace tamada::diagnosis
