#include "api/query.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <span>

#include "wire/percent.h"

namespace tamada::api {
namespace {

std::string_view trim(std::string_view text) {
  const auto blank = " \t\n\r\f\v";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

struct Scale {
  std::string_view unit;
  double factor;
};
// Largest first: a fraction is rounded to whole ones of the next smaller unit, as PostgreSQL does.
constexpr std::array<Scale, 5> byte_scales{
    {{"TB", 1099511627776.0}, {"GB", 1073741824.0}, {"MB", 1048576.0}, {"kB", 1024.0}, {"B", 1.0}}};
constexpr std::array<Scale, 6> second_scales{
    {{"d", 86400.0}, {"h", 3600.0}, {"min", 60.0}, {"s", 1.0}, {"ms", 1e-3}, {"us", 1e-6}}};

std::optional<double> scaled(double value, std::string_view unit, Unit base) {
  const std::span<const Scale> scales =
      base == Unit::bytes ? std::span<const Scale>(byte_scales) : std::span<const Scale>(second_scales);
  const auto it = std::ranges::find(scales, unit, &Scale::unit);
  if (it == scales.end()) return std::nullopt;
  value *= it->factor;
  if (it + 1 != scales.end()) value = std::nearbyint(value / (it + 1)->factor) * (it + 1)->factor;
  return value;
}

struct Number {
  double value = 0;
  std::size_t length = 0;  // 0: none
};

// The longest of 0x.., 0.. (octal) and decimal, and a fraction or an exponent where one follows.
Number leading_number(const std::string& text) {
  const std::size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const auto digits_end = [&](std::size_t from, std::string_view digits) {
    const auto end = text.find_first_not_of(digits, from);
    return end == std::string::npos ? text.size() : end;
  };
  const double factor = sign && text[0] == '-' ? -1 : 1;
  if (text.compare(sign, 2, "0x") == 0 && text.size() > sign + 2 &&
      std::isxdigit(static_cast<unsigned char>(text[sign + 2]))) {
    const auto end = digits_end(sign, "0123456789abcdefABCDEFx");
    return {factor * static_cast<double>(std::strtoull(text.c_str() + sign, nullptr, 16)), end};
  }
  const bool octal = sign < text.size() && text[sign] == '0';
  const auto end = digits_end(sign, octal ? "01234567" : "0123456789");
  const bool fraction = end < text.size() && (text[end] == '.' || text[end] == 'e' || text[end] == 'E');
  if (fraction) {
    char* rest = nullptr;
    const double value = std::strtod(text.c_str(), &rest);
    const auto length = static_cast<std::size_t>(rest - text.c_str());
    if (length > end || (length > 0 && end == sign)) return {value, length};
  }
  if (end == sign) return {};
  if (octal) return {factor * static_cast<double>(std::strtoull(text.c_str() + sign, nullptr, 8)), end};
  return {std::strtod(text.substr(0, end).c_str(), nullptr), end};
}

}  // namespace

std::string_view Target::segment() const {
  std::string_view rest = path;
  const auto first = rest.find_first_not_of('/');
  if (first == std::string_view::npos) return {};
  rest.remove_prefix(first);
  return rest.substr(0, rest.find('/'));
}

Target split_target(std::string_view target) {
  target = target.substr(0, target.find('#'));
  const auto mark = target.find('?');
  Target out{std::string(target.substr(0, mark)), {}};
  if (mark != std::string_view::npos) out.query = target.substr(mark + 1);
  return out;
}

Query parse_query(std::string_view query) {
  Query out;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto pair = query.substr(0, end);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && equals + 1 < pair.size())
      out.emplace_back(wire::percent_decoded(pair.substr(0, equals), true),
                       wire::percent_decoded(pair.substr(equals + 1), true));
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
  }
  return out;
}

const std::string* find(const Query& query, std::string_view name) {
  const auto it = std::ranges::find(query, name, &std::pair<std::string, std::string>::first);
  return it == query.end() ? nullptr : &it->second;
}

std::optional<std::int64_t> parse_quantity(std::string_view text, Unit base) {
  const std::string trimmed(trim(text));
  const auto number = leading_number(trimmed);
  if (number.length == 0) return std::nullopt;
  const auto unit = trim(std::string_view(trimmed).substr(number.length));
  const auto value = unit.empty() ? std::optional(number.value) : scaled(number.value, unit, base);
  if (!value || std::isnan(*value)) return std::nullopt;
  constexpr double limit = 9.2e18;
  if (*value >= limit) return std::numeric_limits<std::int64_t>::max();
  if (*value <= -limit) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(std::nearbyint(*value));
}

}  // namespace tamada::api
