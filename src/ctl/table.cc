#include "ctl/table.h"

#include <algorithm>

namespace tamada::ctl {
namespace {

using Lines = std::vector<std::string>;

std::size_t width_of(std::string_view text) {  // in code points
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

Lines split_lines(std::string_view text) {
  Lines lines;
  for (;;) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == text.npos) return lines;
    text.remove_prefix(end + 1);
  }
}

std::string rule(const std::vector<std::size_t>& widths) {
  std::string line = "+";
  for (const auto width : widths) line += std::string(width + 2, '-') + "+";
  return line;
}

std::string titled(const std::string& line, std::string_view title) {
  // In the plain border every character is one byte; of the title, count code points.
  std::string_view shown = title;
  while (width_of(shown) > line.size() - 2) shown.remove_suffix(1);
  return line[0] + std::string(shown) + line.substr(1 + width_of(shown));
}

void draw_row(std::string& into, const std::vector<std::string>& cells, const std::vector<std::size_t>& widths,
              const std::vector<bool>& right) {
  std::vector<Lines> split;
  std::size_t height = 1;
  for (const auto& cell : cells) {
    split.push_back(split_lines(cell));
    height = std::max(height, split.back().size());
  }
  for (std::size_t line = 0; line < height; ++line) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string text = line < split[i].size() ? split[i][line] : "";
      const std::string padding(widths[i] - width_of(text), ' ');
      into += "| " + (right[i] ? padding + text : text + padding) + " ";
    }
    into += "|\n";
  }
}

}  // namespace

std::string pretty_table(std::string_view title, const std::vector<std::string>& columns,
                         const std::vector<std::vector<std::string>>& rows, const std::set<std::string>& right) {
  std::vector<std::size_t> widths;
  std::vector<bool> align_right;
  for (const auto& column : columns) {
    widths.push_back(width_of(column));
    align_right.push_back(right.contains(column));
  }
  bool several_lines = false;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      several_lines |= row[i].find('\n') != std::string::npos;
      for (const auto& line : split_lines(row[i])) widths[i] = std::max(widths[i], width_of(line));
    }
  }
  const auto line = rule(widths);
  std::string text = titled(line, title) + "\n";
  draw_row(text, columns, widths, align_right);
  text += line + "\n";
  for (const auto& row : rows) {
    draw_row(text, row, widths, align_right);
    if (several_lines) text += line + "\n";
  }
  if (!several_lines) text += line + "\n";
  return text;
}

}  // namespace tamada::ctl
