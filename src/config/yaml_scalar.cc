#include "config/yaml_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

namespace tamada::config {
namespace {

using Json = nlohmann::ordered_json;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool all_of(std::string_view text, std::string_view allowed) { return text.find_first_not_of(allowed) == text.npos; }
constexpr std::string_view decimal = "0123456789_";

template <std::size_t N>
bool any_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::ranges::find(words, word) != words.end();
}

std::string without_underscores(std::string_view text) {
  std::string out;
  std::ranges::copy_if(text, std::back_inserter(out), [](char c) { return c != '_'; });
  return out;
}

// Python's integers may exceed 64 bits, but readers of JSON do not accept them, so such a number stays text.
std::optional<Json> whole(std::string_view digits, int base, bool negative) {
  const std::string clean = without_underscores(digits);
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(clean.data(), clean.data() + clean.size(), value, base);
  if (ec != std::errc{} || end != clean.data() + clean.size()) return std::nullopt;
  if (!negative) {
    if (value <= static_cast<std::uint64_t>(INT64_MAX)) return Json(static_cast<std::int64_t>(value));
    return Json(value);
  }
  if (value > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
  return Json(-static_cast<std::int64_t>(value));
}

// "h:mm:ss", the integer part of a sexagesimal number. Every part except the first is below 60.
std::optional<std::int64_t> sexagesimal(std::string_view text) {
  std::int64_t value = 0;
  bool first = true;
  while (true) {
    const auto colon = text.find(':');
    const std::string part = without_underscores(text.substr(0, colon));
    if (part.empty() || part.size() > (first ? 9u : 2u) || !all_of(part, "0123456789")) return std::nullopt;
    const int number = std::stoi(part);
    if (!first && (number > 59 || text.substr(0, colon).contains('_'))) return std::nullopt;
    if (value > std::numeric_limits<std::int64_t>::max() / 60 - 60) return std::nullopt;
    value = value * 60 + number;
    if (colon == text.npos) return value;
    first = false;
    text.remove_prefix(colon + 1);
  }
}

std::optional<Json> integer(std::string_view word) {
  const bool negative = word.starts_with('-');
  if (negative || word.starts_with('+')) word.remove_prefix(1);
  if (word.empty() || !is_digit(word[0])) return std::nullopt;
  if (word == "0") return Json(0);
  if (word.starts_with("0b") && word.size() > 2 && all_of(word.substr(2), "01_"))
    return whole(word.substr(2), 2, negative);
  if (word.starts_with("0x") && word.size() > 2 && all_of(word.substr(2), "0123456789abcdefABCDEF_")) {
    return whole(word.substr(2), 16, negative);
  }
  if (word[0] == '0') return all_of(word, "01234567_") ? whole(word, 8, negative) : std::nullopt;
  if (all_of(word, decimal)) return whole(word, 10, negative);
  if (!word.contains(':') || !all_of(word, "0123456789_:")) return std::nullopt;
  const auto value = sexagesimal(word);
  if (!value) return std::nullopt;
  return Json(negative ? -*value : *value);
}

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec == std::errc::result_out_of_range) return text.contains("e-") ? 0 : std::numeric_limits<double>::infinity();
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// YAML 1.1 requires the sign of an exponent, so 1e5 and 1.0e5 are text.
bool is_float_form(std::string_view word) {
  const auto point = word.find('.');
  if (point == word.npos) return false;
  const auto before = word.substr(0, point);
  auto after = word.substr(point + 1);
  if (!before.empty() && (!is_digit(before[0]) || !all_of(before, decimal))) return false;
  const auto exponent = after.find_first_of("eE");
  if (exponent != after.npos) {
    const auto power = after.substr(exponent + 1);
    if (power.size() < 2 || (power[0] != '+' && power[0] != '-') || !all_of(power.substr(1), "0123456789"))
      return false;
    after = after.substr(0, exponent);
  }
  if (!all_of(after, decimal)) return false;
  return !before.empty() || (!after.empty() && is_digit(after[0]));
}

std::optional<Json> floating(std::string_view word) {
  std::string_view body = word;
  const bool signed_ = body.starts_with('-') || body.starts_with('+');
  const double sign = body.starts_with('-') ? -1 : 1;
  if (signed_) body.remove_prefix(1);
  if (any_of(body, std::to_array<std::string_view>({".inf", ".Inf", ".INF"}))) {
    return Json(sign * std::numeric_limits<double>::infinity());
  }
  if (any_of(word, std::to_array<std::string_view>({".nan", ".NaN", ".NAN"}))) {
    return Json(std::numeric_limits<double>::quiet_NaN());
  }
  if (body.empty() || (!is_digit(body[0]) && (body[0] != '.' || signed_))) return std::nullopt;
  const auto colon = body.rfind(':');
  if (colon != body.npos) {
    const auto point = body.find('.', colon);
    if (point == body.npos || !all_of(body.substr(point + 1), decimal)) return std::nullopt;
    const auto minutes = sexagesimal(body.substr(0, point));
    if (!minutes) return std::nullopt;
    const auto fraction = number_of("0." + without_underscores(body.substr(point + 1)) + "0");
    return Json(sign * (static_cast<double>(*minutes) + fraction.value_or(0)));
  }
  if (!is_float_form(body)) return std::nullopt;
  const auto value = number_of(without_underscores(body));
  if (!value) return std::nullopt;
  return Json(sign * *value);
}

std::optional<Json> boolean_or_null(std::string_view word) {
  constexpr auto truths =
      std::to_array<std::string_view>({"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"});
  constexpr auto lies =
      std::to_array<std::string_view>({"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"});
  constexpr auto nulls = std::to_array<std::string_view>({"", "~", "null", "Null", "NULL"});
  if (any_of(word, truths)) return Json(true);
  if (any_of(word, lies)) return Json(false);
  if (any_of(word, nulls)) return Json(nullptr);
  return std::nullopt;
}

// YYYY-MM-DD, or with a time: YYYY-M-D, then T or blanks, then h:mm:ss[.f][ Z|+h[:mm]].
bool is_date(std::string_view word) {
  const auto digits = [&](std::size_t min, std::size_t max) {
    std::size_t count = 0;
    while (count < max && count < word.size() && is_digit(word[count])) ++count;
    word.remove_prefix(count);
    return count >= min ? count : 0;
  };
  const auto take = [&](std::string_view any) {
    const bool found = !word.empty() && any.contains(word[0]);
    if (found) word.remove_prefix(1);
    return found;
  };
  if (!digits(4, 4) || !take("-")) return false;
  const auto month = digits(1, 2);
  if (!month || !take("-")) return false;
  const auto day = digits(1, 2);
  if (!day) return false;
  if (word.empty()) return month == 2 && day == 2;
  if (!take("Tt")) {
    if (!take(" \t")) return false;
    while (take(" \t")) {
    }
  }
  if (!digits(1, 2) || !take(":") || !digits(2, 2) || !take(":") || !digits(2, 2)) return false;
  if (take(".")) digits(0, word.size());
  if (word.empty()) return true;
  while (take(" \t")) {
  }
  if (take("Z")) return word.empty();
  if (!take("+-") || !digits(1, 2)) return false;
  return word.empty() || (take(":") && digits(2, 2) && word.empty());
}

std::optional<Json> resolve(std::string_view word) {
  if (auto value = boolean_or_null(word)) return value;
  if (auto value = integer(word)) return value;
  return floating(word);
}

}  // namespace

Json resolve_plain(std::string_view word) {
  if (auto value = resolve(word)) return *value;
  return Json(word);
}

bool reads_as_other_than_text(std::string_view word) {
  if (resolve(word) || is_date(word) || word == "<<" || word == "=") return true;
  // A number that does not fit into 64 bits is text here, but a number to Python.
  return !word.empty() && word.size() > 18 && all_of(word.substr(word[0] == '-' || word[0] == '+'), decimal);
}

}  // namespace tamada::config
