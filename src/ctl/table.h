// A table drawn with + - |, as PrettyTable draws it, with a title in its upper border.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tamada::ctl {

// Columns named in `right` are aligned right, the others left. Cells may have several lines: then rows are separated by
// lines, as patronictl does.
std::string pretty_table(std::string_view title, const std::vector<std::string>& columns,
                         const std::vector<std::vector<std::string>>& rows, const std::set<std::string>& right);

}  // namespace tamada::ctl
