// Splits a command line of the configuration as Patroni does with shlex.split. Quotes and backslashes have a meaning,
// but no other characters of a shell do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace tamada::net {

// Fails for a quote that is not closed, for a backslash at the end, and for a line without any word.
core::Result<std::vector<std::string>> split_words(std::string_view line);

}  // namespace tamada::net
