// Two texts as `diff -u` shows their difference, in the words of Python's difflib.
#pragma once

#include <string>
#include <string_view>

namespace tamada::ctl {

// Empty when they are equal; else with the header lines "--- " and "+++ ", as difflib without file names.
std::string unified_diff(std::string_view before, std::string_view after);

}  // namespace tamada::ctl
