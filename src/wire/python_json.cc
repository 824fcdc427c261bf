#include "wire/python_json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

namespace tamada::wire {
namespace {

using Json = nlohmann::ordered_json;

struct Separators {
  std::string_view item, key;
};

void append_unit(std::string& out, std::uint32_t unit) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[(unit >> shift) & 0xf];
}

// Reads one code point of UTF-8 from `text`, and moves on. The result is U+FFFD for bytes that are not UTF-8.
std::uint32_t next_code_point(std::string_view& text) {
  constexpr std::uint32_t replacement = 0xfffd;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  const std::size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
  if (length == 0 || length > text.size()) {
    text.remove_prefix(1);
    return replacement;
  }
  std::uint32_t point = length == 1 ? first : first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (byte(i) >> 6 != 2) {
      text.remove_prefix(i);
      return replacement;
    }
    point = point << 6 | (byte(i) & 0x3f);
  }
  text.remove_prefix(length);
  // UTF-8 forbids sequences longer than needed, halves of UTF-16 pairs, and numbers beyond Unicode.
  constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  const bool valid = point >= least[length] && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
  return valid ? point : replacement;
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto point = next_code_point(text);
    switch (point) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (point >= 0x20 && point < 0x7f) {
          out += static_cast<char>(point);
        } else if (point < 0x10000) {
          append_unit(out, point);
        } else {
          append_unit(out, 0xd800 + ((point - 0x10000) >> 10));
          append_unit(out, 0xdc00 + ((point - 0x10000) & 0x3ff));
        }
    }
  }
  out += '"';
}

void append(std::string& out, const Json& value, const Separators& separators) {
  std::string_view between;
  switch (value.type()) {
    case Json::value_t::object:
      out += '{';
      for (const auto& item : value.items()) {
        out += between;
        between = separators.item;
        append_string(out, item.key());
        out += separators.key;
        append(out, item.value(), separators);
      }
      out += '}';
      return;
    case Json::value_t::array:
      out += '[';
      for (const auto& element : value) {
        out += between;
        between = separators.item;
        append(out, element, separators);
      }
      out += ']';
      return;
    case Json::value_t::string:
      append_string(out, value.get_ref<const std::string&>());
      return;
    case Json::value_t::boolean:
      out += value.get<bool>() ? "true" : "false";
      return;
    case Json::value_t::number_integer:
      out += std::to_string(value.get<std::int64_t>());
      return;
    case Json::value_t::number_unsigned:
      out += std::to_string(value.get<std::uint64_t>());
      return;
    case Json::value_t::number_float: {
      const double number = value.get<double>();
      if (std::isnan(number)) {
        out += "NaN";
      } else if (std::isinf(number)) {
        out += number < 0 ? "-Infinity" : "Infinity";
      } else {
        out += python_float(number);
      }
      return;
    }
    default:
      out += "null";
  }
}

}  // namespace

std::string dump_python(const Json& value) {
  std::string out;
  append(out, value, {", ", ": "});
  return out;
}

std::string dump_compact(const Json& value) {
  std::string out;
  append(out, value, {",", ":"});
  return out;
}

std::string python_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char text[64];
  const double size = std::fabs(value);
  // Python uses an exponent below 1e-4 and from 1e16 on; to_chars would use the shorter text.
  const auto format =
      size != 0 && (size < 1e-4 || size >= 1e16) ? std::chars_format::scientific : std::chars_format::fixed;
  std::string out(text, std::to_chars(text, text + sizeof text, value, format).ptr);
  if (out.find_first_of(".e") == out.npos) out += ".0";
  return out;
}

}  // namespace tamada::wire
