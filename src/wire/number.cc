#include "wire/number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace tamada::wire {
namespace {

constexpr std::array<Scale, 5> memory{
    {{"TB", 1099511627776.0}, {"GB", 1073741824.0}, {"MB", 1048576.0}, {"kB", 1024.0}, {"B", 1.0}}};
constexpr std::array<Scale, 6> time{
    {{"d", 86400e3}, {"h", 3600e3}, {"min", 60e3}, {"s", 1e3}, {"ms", 1.0}, {"us", 1e-3}}};

std::string_view trim(std::string_view text) {
  constexpr auto blank = " \t\n\r\f\v";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::size_t run_of(std::string_view characters, std::string_view text) {
  return std::min(text.find_first_not_of(characters), text.size());
}

double digits(std::string_view text, int base) {
  double value = 0;
  for (const char c : text) value = value * base + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  return value;
}

// Parses the number at the beginning of `text` and removes it. As in strtol(3) with base 0, its prefix says whether it
// is hexadecimal, octal or decimal. As in strtod(3), a number with a fraction or an exponent is decimal.
std::optional<double> take_number(std::string_view& text) {
  const double sign = text.starts_with('-') ? -1 : 1;
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const auto take = [&text, sign](double value, std::size_t length) {
    text.remove_prefix(length);
    return std::optional(sign * value);
  };
  if (text.starts_with("0x") || text.starts_with("0X")) {
    const auto length = run_of("0123456789abcdefABCDEF", text.substr(2));
    if (length > 0) return take(digits(text.substr(2, length), 16), 2 + length);
  }
  const bool octal = text.starts_with('0');
  const auto length = run_of(octal ? "01234567" : "0123456789", text);
  const auto rest = text.substr(length);
  const bool fraction = rest.starts_with('.') || rest.starts_with('e') || rest.starts_with('E');
  if (octal && !fraction) return take(digits(text.substr(0, length), 8), length);
  double value = 0;
  const char* begin = text.data();
  const auto [end, error] = std::from_chars(begin, begin + (fraction ? text.size() : length), value);
  if (error != std::errc()) return std::nullopt;
  return take(value, static_cast<std::size_t>(end - begin));
}

}  // namespace

std::optional<BaseUnit> base_unit(std::string_view unit) {
  const auto length = run_of("0123456789", unit);
  const double count = length == 0 ? 1 : digits(unit.substr(0, length), 10);
  for (const auto scales : {std::span<const Scale>(memory), std::span<const Scale>(time)}) {
    const auto found = std::ranges::find(scales, unit.substr(length), &Scale::unit);
    if (found != scales.end() && count > 0) return BaseUnit{scales, count * found->factor};
  }
  return std::nullopt;
}

std::optional<double> parse_number(std::string_view text, std::string_view unit) {
  text = trim(text);
  const auto number = take_number(text);
  if (!number || !std::isfinite(*number)) return std::nullopt;
  const auto own = trim(text);
  if (own.empty()) return number;
  const auto base = base_unit(unit);
  if (!base) return std::nullopt;
  const auto scale = std::ranges::find(base->scales, own, &Scale::unit);
  if (scale == base->scales.end()) return std::nullopt;
  double value = *number * (scale->factor / base->factor);
  // As in PostgreSQL, a fraction is rounded to an integer of the next smaller unit.
  if (const auto next = scale + 1; next != base->scales.end()) {
    const double step = next->factor / base->factor;
    value = std::nearbyint(value / step) * step;
  }
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::optional<std::int64_t> parse_whole(std::string_view text, std::string_view unit) {
  const auto number = parse_number(text, unit);
  if (!number) return std::nullopt;
  constexpr double limit = 9223372036854775808.0;
  if (*number >= limit) return std::numeric_limits<std::int64_t>::max();
  if (*number <= -limit) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(std::nearbyint(*number));
}

}  // namespace tamada::wire
