#include "config/quantity.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "wire/json.h"

namespace tamada::config {
namespace {

using Factors = std::pair<std::string_view, double>;
constexpr auto seconds =
    std::to_array<Factors>({{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}});
constexpr auto megabytes =
    std::to_array<Factors>({{"B", 1.0 / 1048576}, {"kB", 1.0 / 1024}, {"MB", 1}, {"GB", 1024}, {"TB", 1048576}});

template <std::size_t N>
std::optional<double> factor(std::string_view unit, const std::array<Factors, N>& factors) {
  for (const auto& [name, value] : factors) {
    if (name == unit) return value;
  }
  return std::nullopt;
}

std::optional<double> factor(std::string_view unit, Unit base) {
  if (unit.empty()) return 1;
  if (base == Unit::second) return factor(unit, seconds);
  if (base == Unit::megabyte) return factor(unit, megabytes);
  return std::nullopt;
}

// Base by prefix, as strtol(3) with base 0: 0x10, 010.
std::optional<double> leading_number(const std::string& text, std::size_t& length) {
  const char* begin = text.c_str();
  if (text.find_first_of("0123456789") == text.npos || text.contains("nan") || text.contains("inf"))
    return std::nullopt;
  char* end = nullptr;
  double value = static_cast<double>(std::strtoll(begin, &end, 0));
  if (end == begin || *end == '.' || *end == 'e' || *end == 'E') {
    value = std::strtod(begin, &end);
    if (end == begin) return std::nullopt;
  }
  length = static_cast<std::size_t>(end - begin);
  return value;
}

}  // namespace

std::optional<std::int64_t> quantity(const nlohmann::ordered_json& value, Unit base) {
  if (value.is_number()) return wire::to_integer(value);
  if (!value.is_string()) return std::nullopt;
  if (const auto plain = wire::to_integer(value); plain && !value.get_ref<const std::string&>().starts_with('0'))
    return plain;
  const auto& text = value.get_ref<const std::string&>();
  std::size_t length = 0;
  const auto number = leading_number(text, length);
  if (!number) return std::nullopt;
  std::string_view unit = std::string_view(text).substr(length);
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  while (unit.ends_with(' ')) unit.remove_suffix(1);
  const auto scale = factor(unit, base);
  if (!scale || std::fabs(*number * *scale) > 9e18) return std::nullopt;
  return std::llrint(*number * *scale);
}

}  // namespace tamada::config
