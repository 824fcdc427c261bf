// The difference of two texts in the form of `diff -u`, as Python's difflib prints it.
#pragma once

#include <string>
#include <string_view>

namespace tamada::ctl {

// Empty if the texts are equal. Otherwise it begins with the header lines "--- " and "+++ ", as difflib prints them
// without file names.
std::string unified_diff(std::string_view before, std::string_view after);

}  // namespace tamada::ctl
