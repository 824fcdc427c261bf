#include "ctl/output.h"

#include "ctl/table.h"
#include "ctl/terminal.h"
#include "ctl/yaml_dump.h"
#include "wire/python_json.h"

namespace tamada::ctl {
namespace {

Json objects(const Table& table) {
  Json all = Json::array();
  for (const auto& row : table.rows) {
    Json object = Json::object();
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      if (table.title.empty() || !text_of(row[i]).empty()) object[table.columns[i]] = row[i];
    }
    all.push_back(std::move(object));
  }
  return all;
}

std::string strip(std::string text) {
  text.erase(text.find_last_not_of(" \n") + 1);
  return text;
}

std::string shown_lines(std::string_view text) {
  std::string out;
  for (;;) {
    const auto end = std::min(text.find('\n'), text.size());
    out += printable(text.substr(0, end));
    if (end == text.size()) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

// In the pretty table the tags take several lines, in other formats one. A text of several lines keeps its lines in
// every table.
std::string cell(const Json& value, Format format) {
  if (!value.is_object()) {
    const auto text = text_of(value);
    return format == Format::tsv ? printable(text) : shown_lines(text);
  }
  if (value.empty()) return "{}";
  return format == Format::pretty ? shown_lines(strip(yaml_block(value))) : printable(strip(yaml_flow(value)));
}

std::string tsv(const Table& table, const std::string& delimiter) {
  std::string text;
  const auto line = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) text += (i > 0 ? delimiter : "") + cells[i];
    text += "\n";
  };
  if (!table.columns.empty()) line(table.columns);
  for (const auto& row : table.rows) {
    std::vector<std::string> cells;
    for (const auto& value : row) cells.push_back(cell(value, Format::tsv));
    line(cells);
  }
  return text;
}

std::string pretty_text(const Table& table, Format format) {
  const std::size_t skip = table.of_cluster ? 1 : 0;
  std::vector<std::vector<std::string>> rows;
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    auto& cells = rows.emplace_back();
    for (std::size_t c = skip; c < table.rows[r].size(); ++c) {
      const auto colour = table.colours.find({r, c});
      auto text = cell(table.rows[r][c], format);
      cells.push_back(colour == table.colours.end() ? std::move(text) : paint(text, colour->second));
    }
  }
  const std::vector<std::string> columns(table.columns.begin() + static_cast<std::ptrdiff_t>(skip),
                                         table.columns.end());
  std::vector<std::set<std::size_t>> narrower;
  for (const auto& step : table.narrower) {
    auto& left_out = narrower.emplace_back();
    for (const auto column : step) left_out.insert(column - skip);
  }
  return pretty_table(printable(table.title), columns, rows, table.right, terminal_size().columns, narrower);
}

}  // namespace

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "None";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  return wire::dump_python(value);
}

std::string format_table(const Table& table, Format format, const std::string& delimiter) {
  if (format == Format::json) return wire::dump_python(objects(table)) + "\n";
  if (format == Format::yaml) return yaml_block(objects(table)) + "\n";
  if (format == Format::tsv) return tsv(table, delimiter);
  return pretty_text(table, format);
}

}  // namespace tamada::ctl
