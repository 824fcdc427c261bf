#include "ctl/yaml_dump.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "config/yaml_scalar.h"
#include "wire/python_json.h"

namespace tamada::ctl {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t width_max = 200;

std::vector<char32_t> code_points(std::string_view text) {
  std::vector<char32_t> points;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    char32_t point = size == 1 ? first : first & (0xffu >> (size + 1));
    for (std::size_t k = 1; k < size && i + k < text.size(); ++k) {
      point = point << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3f);
    }
    points.push_back(point);
    i += size;
  }
  return points;
}

bool is_break(char32_t c) { return c == '\n' || c == 0x85 || c == 0x2028 || c == 0x2029; }
bool is_blank(char32_t c) { return c == 0 || c == ' ' || c == '\t' || c == '\r' || is_break(c); }
bool is_printable(char32_t c) {
  return c == '\n' || (c >= 0x20 && c <= 0x7e) || c == 0x85 || (c >= 0xa0 && c <= 0xd7ff) ||
         (c >= 0xe000 && c <= 0xfffd && c != 0xfeff) || (c >= 0x10000 && c < 0x10ffff);
}
bool one_of(char32_t c, std::string_view set) { return c < 0x80 && set.find(static_cast<char>(c)) != set.npos; }

enum class Style { plain, single_quoted, double_quoted };

// Whether a reader would take the character at this position of a plain scalar for a YAML indicator.
bool indicates(const std::vector<char32_t>& text, std::size_t i, bool flow) {
  const char32_t c = text[i];
  const bool blank_after = i + 1 >= text.size() || is_blank(text[i + 1]);
  if (i == 0) {
    if (one_of(c, "#,[]{}&*!|>'\"%@`")) return true;
    if (one_of(c, "?:")) return flow || blank_after;
    return c == '-' && blank_after;
  }
  if (flow && one_of(c, ",?[]{}:")) return true;
  if (c == ':') return blank_after;
  return c == '#' && is_blank(text[i - 1]);
}

// The style that PyYAML's analyze_scalar and choose_scalar_style choose.
Style style_of(std::string_view utf8, bool flow, bool key) {
  if (utf8.empty()) return Style::single_quoted;
  const auto text = code_points(utf8);
  bool plain = !utf8.starts_with("---") && !utf8.starts_with("...");
  bool single = true, several_lines = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    const bool before_break = i + 1 < text.size() && is_break(text[i + 1]);
    if (!is_printable(c) || (c == ' ' && before_break)) plain = single = false;
    if (is_break(c)) {
      several_lines = true;
      plain = false;
      if (i + 1 < text.size() && text[i + 1] == ' ') single = false;
    }
    if (indicates(text, i, flow)) plain = false;
  }
  const auto edge = [](char32_t c) { return c == ' ' || is_break(c); };
  if (edge(text.front()) || edge(text.back())) plain = false;
  if (plain && !config::reads_as_other_than_text(utf8)) return Style::plain;
  return single && !(key && several_lines) ? Style::single_quoted : Style::double_quoted;
}

std::string double_quoted(std::string_view utf8) {
  static const std::map<char32_t, const char*> names = {
      {0, "\\0"},     {7, "\\a"},    {8, "\\b"},    {9, "\\t"},      {10, "\\n"},
      {11, "\\v"},    {12, "\\f"},   {13, "\\r"},   {27, "\\e"},     {'"', "\\\""},
      {'\\', "\\\\"}, {0x85, "\\N"}, {0xa0, "\\_"}, {0x2028, "\\L"}, {0x2029, "\\P"},
  };
  std::string out = "\"";
  std::size_t at = 0;
  for (const char32_t c : code_points(utf8)) {
    const std::size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (const auto it = names.find(c); it != names.end()) {
      out += it->second;
    } else if (is_printable(c)) {
      out += utf8.substr(at, size);
    } else if (c <= 0xff) {
      out += fmt::format("\\x{:02X}", static_cast<unsigned>(c));
    } else if (c <= 0xffff) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      out += fmt::format("\\U{:08X}", static_cast<unsigned>(c));
    }
    at += size;
  }
  return out + "\"";
}

// Writes one document.
class Writer {
 public:
  std::string out;

  void block(const Json& value, std::size_t indent) {
    if (value.is_object() && !value.empty()) {
      bool first = in_line_;
      for (const auto& [key, item] : sorted(value)) {
        if (!std::exchange(first, false)) line(indent);
        in_line_ = false;
        scalar(Json(key), indent, true);
        out += ":";
        nested(*item, indent);
      }
    } else if (value.is_array() && !value.empty()) {
      // PyYAML does not indent a list under its key.
      bool first = in_line_;
      for (const auto& item : value) {
        if (!std::exchange(first, false)) line(indent);
        out += "- ";
        in_line_ = true;
        block(item, indent + 2);
      }
    } else {
      scalar(value, indent, false);
    }
    in_line_ = false;
  }

  void flow(const Json& value, std::size_t indent) {
    if (value.is_object()) {
      out += "{";
      bool first = true;
      for (const auto& [key, item] : sorted(value)) {
        if (!std::exchange(first, false)) out += ", ";
        in_flow_ = true;
        scalar(Json(key), indent, true);
        out += ": ";
        flow(*item, indent + 2);
      }
      out += "}";
    } else if (value.is_array()) {
      out += "[";
      bool first = true;
      for (const auto& item : value) {
        if (!std::exchange(first, false)) out += ", ";
        in_flow_ = true;
        flow(item, indent + 2);
      }
      out += "]";
    } else {
      scalar(value, indent, false);
    }
  }

 private:
  static bool is_leaf(const Json& value) { return !value.is_structured() || value.empty(); }
  static std::map<std::string, const Json*> sorted(const Json& object) {
    std::map<std::string, const Json*> items;
    for (const auto& item : object.items()) items.emplace(item.key(), &item.value());
    return items;
  }

  void nested(const Json& item, std::size_t indent) {
    if (is_leaf(item)) {
      out += " ";
      scalar(item, indent, false);
    } else if (item.is_array()) {
      in_line_ = false;
      block(item, indent);
    } else {
      in_line_ = false;
      block(item, indent + 2);
    }
  }

  void line(std::size_t indent) {
    if (!out.empty()) out += "\n";
    out += std::string(indent, ' ');
  }
  std::size_t column() const {
    const auto newline = out.rfind('\n');
    return newline == out.npos ? out.size() : out.size() - newline - 1;
  }

  void scalar(const Json& value, std::size_t indent, bool key) {
    if (value.is_object()) {
      out += "{}";
    } else if (value.is_array()) {
      out += "[]";
    } else if (value.is_null()) {
      out += "null";
    } else if (value.is_number_float()) {
      auto number = wire::python_float(value.get<double>());
      const auto exponent = number.find('e');
      if (exponent != number.npos && number.find('.') == number.npos) number.insert(exponent, ".0");
      out += number;
    } else if (value.is_string()) {
      text(value.get_ref<const std::string&>(), indent, key);
    } else {
      out += value.dump();
    }
  }

  void text(const std::string& value, std::size_t indent, bool key) {
    const auto style = style_of(value, in_flow_, key);
    if (style == Style::double_quoted) {
      out += double_quoted(value);
      return;
    }
    const bool quoted = style == Style::single_quoted;
    if (quoted) out += "'";
    for (std::size_t i = 0; i < value.size(); ++i) {
      const char c = value[i];
      const bool alone = c == ' ' && i > 0 && i + 1 < value.size() && value[i - 1] != ' ' && value[i + 1] != ' ';
      if (alone && !key && column() > width_max) {
        out += "\n" + std::string(indent + 2, ' ');
      } else if (c == '\n') {
        // A line break inside quotes is read as a blank, so a line break is written as an empty line.
        if (i == 0 || value[i - 1] != '\n') out += "\n";
        out += "\n";
        if (i + 1 >= value.size() || value[i + 1] != '\n') out += std::string(indent + 2, ' ');
      } else if (c == '\'' && quoted) {
        out += "''";
      } else {
        out += c;
      }
    }
    if (quoted) out += "'";
  }

  bool in_line_ = false;  // the next mapping or list begins behind "- "
  bool in_flow_ = false;
};

}  // namespace

std::string yaml_block(const Json& value) {
  Writer writer;
  writer.block(value, 0);
  std::string text = std::move(writer.out);
  // As in PyYAML, a plain scalar as the whole document is followed by an end-of-document marker.
  if (!value.is_structured() && !text.starts_with('\'') && !text.starts_with('"')) text += "\n...";
  return text + "\n";
}

std::string yaml_flow(const Json& value) {
  Writer writer;
  writer.flow(value, 0);
  return writer.out + "\n";
}

}  // namespace tamada::ctl
