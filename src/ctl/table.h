// A table drawn with + - |, as PrettyTable draws it, with a title in its upper border.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tamada::ctl {

// Columns named in `right` are aligned right, the others left. If a cell has several lines, rows are separated by
// lines, as patronictl does. If the table is wider than `limit` (0: no limit), the terminal would break its lines. Then
// the borders are left out, then the columns of `narrower`, step by step. If it is still too wide, each row becomes a
// list.
std::string pretty_table(std::string_view title, const std::vector<std::string>& columns,
                         const std::vector<std::vector<std::string>>& rows, const std::set<std::string>& right,
                         std::size_t limit = 0, const std::vector<std::set<std::size_t>>& narrower = {});

}  // namespace tamada::ctl
