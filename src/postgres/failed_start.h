// Why PostgreSQL does not start, in its own words. Its log may be anywhere, so the program postgres is run once more
// with the same settings, and says it to the daemon.
#pragma once

#include <string>
#include <vector>

namespace tamada::postgres {

// The first mistake that this output of the program postgres tells, in one line with its file and line; empty if it
// tells none. The output is without translations and without log_line_prefix.
std::string first_mistake(const std::vector<std::string>& lines);

}  // namespace tamada::postgres
