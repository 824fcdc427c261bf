// A table drawn with + - |, as PrettyTable draws it, with a title in its upper border.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tamada::ctl {

// Columns named in `right` are aligned right, the others left. Cells may have several lines: then rows are separated by
// lines, as patronictl does. Where that is wider than `limit` (0: none), lines would be broken by the terminal: then
// the borders are left out; then the columns of `narrower`, one step after the other; and where all is too wide, each
// row is a list of its own.
std::string pretty_table(std::string_view title, const std::vector<std::string>& columns,
                         const std::vector<std::vector<std::string>>& rows, const std::set<std::string>& right,
                         std::size_t limit = 0, const std::vector<std::set<std::size_t>>& narrower = {});

}  // namespace tamada::ctl
