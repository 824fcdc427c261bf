#include "ctl/unified_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace tamada::ctl {
namespace {

using LineViews = std::vector<std::string_view>;
constexpr std::size_t context_lines = 3;

LineViews split(std::string_view text) {
  LineViews lines;
  while (text.ends_with('\n')) text.remove_suffix(1);
  for (;;) {
    const auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == text.npos) return lines;
    text.remove_prefix(end + 1);
  }
}

struct Step {
  char kind;         // ' ', '-' or '+'
  std::size_t a, b;  // the number of lines before this one in each text
};

// Finds the longest common subsequence; removals come before additions.
std::vector<Step> steps(const LineViews& a, const LineViews& b) {
  std::vector<std::vector<std::size_t>> common(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      common[i][j] = a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  std::vector<Step> all;
  std::size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      all.push_back({' ', i++, j++});
    } else if (i < a.size() && (j == b.size() || common[i + 1][j] >= common[i][j + 1])) {
      all.push_back({'-', i++, j});
    } else {
      all.push_back({'+', i, j++});
    }
  }
  return all;
}

std::string range(std::size_t begin, std::size_t length) {
  if (length == 1) return fmt::format("{}", begin + 1);
  return fmt::format("{},{}", length == 0 ? begin : begin + 1, length);
}

std::string hunk(const std::vector<Step>& all, std::size_t begin, std::size_t end, const LineViews& a,
                 const LineViews& b) {
  std::size_t in_a = 0, in_b = 0;
  std::string body;
  for (std::size_t k = begin; k < end; ++k) {
    const Step& step = all[k];
    if (step.kind != '+') ++in_a;
    if (step.kind != '-') ++in_b;
    body += fmt::format("{}{}\n", step.kind, step.kind == '+' ? b[step.b] : a[step.a]);
  }
  return fmt::format("@@ -{} +{} @@\n", range(all[begin].a, in_a), range(all[begin].b, in_b)) + body;
}

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after) {
  const auto a = split(before), b = split(after);
  const auto all = steps(a, b);
  const auto changed = [](const Step& step) { return step.kind != ' '; };
  auto at = std::ranges::find_if(all, changed);
  if (at == all.end()) return "";
  std::string text = "--- \n+++ \n";
  while (at != all.end()) {
    const auto first = static_cast<std::size_t>(at - all.begin());
    std::size_t last = first;  // changes whose contexts touch are in one hunk
    for (std::size_t k = first; k < all.size() && k <= last + 2 * context_lines; ++k) {
      if (changed(all[k])) last = k;
    }
    const auto end = std::min(last + 1 + context_lines, all.size());
    text += hunk(all, first - std::min(first, context_lines), end, a, b);
    at = std::find_if(all.begin() + static_cast<std::ptrdiff_t>(last + 1), all.end(), changed);
  }
  return text;
}

}  // namespace tamada::ctl
