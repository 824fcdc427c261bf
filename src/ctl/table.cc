#include "ctl/table.h"

#include <algorithm>
#include <numeric>

#include "ctl/terminal.h"

namespace tamada::ctl {
namespace {

using Lines = std::vector<std::string>;

Lines split_lines(std::string_view text, char separator = '\n') {
  Lines lines;
  for (;;) {
    const auto end = text.find(separator);
    lines.emplace_back(text.substr(0, end));
    if (end == text.npos) return lines;
    text.remove_prefix(end + 1);
  }
}

std::string trim_right(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

struct Column {
  std::size_t width = 0;
  bool right = false;
};
using Cells = std::vector<std::string>;

struct Borders {
  std::string_view left, between, end;
};
constexpr Borders drawn = {"| ", " | ", " |"}, none = {"", " ", ""};

std::string draw_row(const std::vector<Lines>& cells, const std::vector<Column>& columns, const Borders& borders) {
  std::size_t height = 1;
  for (const auto& cell : cells) height = std::max(height, cell.size());
  std::string text;
  for (std::size_t line = 0; line < height; ++line) {
    std::string drawn_line(borders.left);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string cell = line < cells[i].size() ? cells[i][line] : "";
      const std::string padding(columns[i].width - width_of(cell), ' ');
      drawn_line += (i > 0 ? borders.between : "");
      drawn_line += columns[i].right ? padding + cell : cell + padding;
    }
    drawn_line += borders.end;
    text += (borders.end.empty() ? trim_right(std::move(drawn_line)) : drawn_line) + "\n";
  }
  return text;
}

void widen(Column& column, const Lines& lines) {
  for (const auto& line : lines) column.width = std::max(column.width, width_of(line));
}

std::string rule(const std::vector<Column>& columns) {
  std::string line = "+";
  for (const auto& column : columns) line += std::string(column.width + 2, '-') + "+";
  return line;
}

std::string titled(const std::string& line, std::string_view title) {
  const auto shown = fit(title, line.size() - 2);
  return line[0] + std::string(shown) + line.substr(1 + width_of(shown));
}

struct Grid {
  std::vector<Lines> head;
  std::vector<std::vector<Lines>> rows;
  std::vector<Column> columns;  // each as wide as its contents
  bool several_lines = false;
};

Grid lay_out(const Cells& names, const std::vector<Cells>& rows, const std::set<std::string>& right, char head_break) {
  Grid grid;
  for (const auto& name : names) {
    grid.head.push_back(split_lines(name, head_break));
    grid.columns.push_back({.right = right.contains(name)});
    widen(grid.columns.back(), grid.head.back());
  }
  for (const auto& row : rows) {
    auto& cells = grid.rows.emplace_back();
    for (std::size_t i = 0; i < names.size(); ++i) {
      cells.push_back(split_lines(row[i]));
      widen(grid.columns[i], cells.back());
      grid.several_lines |= cells.back().size() > 1;
    }
  }
  return grid;
}

std::size_t total_width(const Grid& grid, const Borders& borders) {
  const auto sum = [](std::size_t all, const Column& column) { return all + column.width; };
  return std::accumulate(grid.columns.begin(), grid.columns.end(), std::size_t{0}, sum) + borders.left.size() +
         borders.between.size() * (grid.columns.size() - 1) + borders.end.size();
}

std::string draw(const Grid& grid, std::string_view title) {
  const auto line = rule(grid.columns);
  std::string text = titled(line, title) + "\n" + draw_row(grid.head, grid.columns, drawn) + line + "\n";
  for (const auto& row : grid.rows) {
    text += draw_row(row, grid.columns, drawn);
    if (grid.several_lines) text += line + "\n";
  }
  if (!grid.several_lines) text += line + "\n";
  return text;
}

std::string draw_plain(const Grid& grid, std::string_view title) {
  std::string text = title.empty() ? "" : trim_right(std::string(title)) + "\n";
  auto head = grid.head;
  std::size_t height = 0;
  for (const auto& name : head) height = std::max(height, name.size());
  // The names are aligned with the lower line of the header.
  for (auto& name : head) name.insert(name.begin(), height - name.size(), "");
  text += draw_row(head, grid.columns, none);
  std::vector<Lines> dashes;
  for (const auto& column : grid.columns) dashes.push_back({std::string(column.width, '-')});
  text += draw_row(dashes, grid.columns, none);
  for (const auto& row : grid.rows) text += draw_row(row, grid.columns, none);
  return text;
}

// Draws each row as a list under the value of its first column; empty values are left out.
std::string draw_lists(const Cells& names, const std::vector<Cells>& rows, std::string_view title) {
  std::size_t width = 0;
  for (const auto& name : names) width = std::max(width, width_of(name));
  std::string text = title.empty() ? "" : trim_right(std::string(title)) + "\n";
  for (const auto& row : rows) {
    text += "+ " + row[0] + "\n";
    for (std::size_t i = 1; i < names.size(); ++i) {
      std::string name = names[i];
      for (const auto& line : split_lines(row[i])) {
        if (line.empty()) continue;
        text += "| " + name + std::string(width - width_of(name), ' ') + " " + line + "\n";
        name.clear();
      }
    }
  }
  return text;
}

Cells without(const Cells& cells, const std::set<std::size_t>& left_out) {
  Cells kept;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!left_out.contains(i)) kept.push_back(cells[i]);
  }
  return kept;
}

}  // namespace

std::string pretty_table(std::string_view title, const std::vector<std::string>& columns,
                         const std::vector<std::vector<std::string>>& rows, const std::set<std::string>& right,
                         std::size_t limit, const std::vector<std::set<std::size_t>>& narrower) {
  if (columns.empty()) {  // PrettyTable would make up numbered columns
    std::string text;
    for (const auto& row : rows) {
      for (std::size_t i = 0; i < row.size(); ++i) text += (i > 0 ? " " : "") + row[i];
      text += "\n";
    }
    return text;
  }
  const auto grid = lay_out(columns, rows, right, '\n');
  if (limit == 0 || total_width(grid, drawn) <= limit) return draw(grid, title);
  if (const auto plain = lay_out(columns, rows, right, ' '); total_width(plain, none) <= limit) {
    return draw_plain(plain, title);
  }
  for (const auto& left_out : narrower) {
    const auto names = without(columns, left_out);
    std::vector<Cells> fewer;
    for (const auto& row : rows) fewer.push_back(without(row, left_out));
    if (const auto less = lay_out(names, fewer, right, '\n'); total_width(less, drawn) <= limit)
      return draw(less, title);
    if (const auto less = lay_out(names, fewer, right, ' '); total_width(less, none) <= limit) {
      return draw_plain(less, title);
    }
  }
  return draw_lists(columns, rows, title);
}

}  // namespace tamada::ctl
