#include "config/parameter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "core/server_features.h"
#include "wire/json.h"
#include "wire/number.h"
#include "wire/python_json.h"

namespace tamada::config {
namespace {

std::string_view trim(std::string_view text) {
  constexpr auto blank = " \t\n\r\f\v";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

// ---- numbers and units

std::string with_unit(double value, std::string_view unit) {
  return fmt::format(
      "{}{}",
      std::abs(value) < 1e15 && value == std::floor(value) ? fmt::format("{:.0f}", value) : fmt::format("{:g}", value),
      unit);
}

std::string readable_number(ParameterType type, std::string_view unit, double setting) {
  const auto base = wire::base_unit(unit);
  // Zero and negative numbers have special meanings and no unit.
  if (!base || setting <= 0) return with_unit(setting, "");
  const double value = setting * base->factor;
  for (const auto& scale : base->scales) {
    const double scaled = value / scale.factor;
    const double rounded = std::round(scaled);
    const bool exact = type == ParameterType::real ? std::abs(rounded / scaled - 1.0) <= 1e-8 : scaled == rounded;
    if (rounded >= 1 && exact) return with_unit(rounded, scale.unit);
  }
  return with_unit(setting, unit);
}

bool is_number(ParameterType type) { return type == ParameterType::integer || type == ParameterType::real; }

// The number that the server would read from the text.
std::optional<double> number_of(ParameterType type, std::string_view text, std::string_view unit) {
  auto number = is_number(type) ? wire::parse_number(text, unit) : std::nullopt;
  if (number && type == ParameterType::integer) number = std::nearbyint(*number);
  return number;
}

// ---- what a server would refuse

bool is_word(const Parameter& parameter, std::string_view value) {
  constexpr std::string_view comma = ", ";
  std::string_view words = parameter.words;
  bool boolean = false;
  while (!words.empty()) {
    const auto word = words.substr(0, words.find(comma));
    if (lower(value) == word) return true;
    boolean = boolean || word == "on";
    words.remove_prefix(std::min(words.size(), word.size() + comma.size()));
  }
  return boolean && parse_boolean(value);
}

constexpr std::string_view type_name(ParameterType type) {
  switch (type) {
    case ParameterType::boolean:
      return "bool";
    case ParameterType::integer:
      return "integer";
    case ParameterType::real:
      return "real";
    case ParameterType::enumeration:
      return "enum";
    case ParameterType::text:
      break;
  }
  return "string";
}

// The value to write; nullopt: no value is valid.
std::optional<std::string> valid_value(const Parameter& parameter, const std::string& name, const std::string& value,
                                       std::vector<std::string>& warnings) {
  bool valid = true;
  if (parameter.type == ParameterType::boolean) valid = parse_boolean(value).has_value();
  if (parameter.type == ParameterType::enumeration) valid = is_word(parameter, value);
  if (is_number(parameter.type)) {
    const auto number = number_of(parameter.type, value, parameter.unit);
    valid = number.has_value();
    const bool low = number && *number < parameter.min, high = number && *number > parameter.max;
    if (low || high) {
      const auto limit = with_unit(low ? parameter.min : parameter.max, "");
      warnings.push_back(fmt::format("Value={} of parameter={} is too {}, {} to {}{}", value, name, low ? "low" : "big",
                                     low ? "increasing" : "decreasing", limit, parameter.unit));
      return limit;
    }
  }
  if (valid) return value;
  warnings.push_back(fmt::format("Removing {} parameter={} from the config due to the invalid value={}",
                                 type_name(parameter.type), name, value));
  return std::nullopt;
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return c < 0x80 ? std::tolower(c) : c; });
  return out;
}

const Parameter* find_parameter(std::string_view name, int server_version) {
  const auto table = parameter_table();
  const auto wanted = lower(name);
  const auto before = [](std::string_view a, std::string_view b) { return lower(a) < b; };
  const int major = server_version / 10000;
  for (auto it = std::lower_bound(table.begin(), table.end(), wanted,
                                  [&](const Parameter& p, const std::string& n) { return before(p.name, n); });
       it != table.end() && lower(it->name) == wanted; ++it) {
    if (major >= it->since && (it->until == 0 || major < it->until)) return &*it;
  }
  return nullptr;
}

ParameterType parameter_type(std::string_view vartype) {
  for (const auto type :
       {ParameterType::boolean, ParameterType::integer, ParameterType::real, ParameterType::enumeration}) {
    if (type_name(type) == vartype) return type;
  }
  return ParameterType::text;
}

std::optional<bool> parse_boolean(std::string_view text) {
  const auto word = lower(trim(text));
  const auto begins = [&word](std::string_view whole, std::size_t least) {
    return word.size() >= least && whole.starts_with(word);
  };
  if (begins("true", 1) || begins("yes", 1) || word == "on" || word == "1") return true;
  if (begins("false", 1) || begins("no", 1) || begins("off", 2) || word == "0") return false;
  return std::nullopt;
}

bool same_value(ParameterType type, std::string_view unit, std::string_view setting, std::string_view wanted) {
  switch (type) {
    case ParameterType::boolean: {
      const auto a = parse_boolean(setting), b = parse_boolean(wanted);
      return a && b && *a == *b;
    }
    case ParameterType::integer:
    case ParameterType::real: {
      const auto a = number_of(type, setting, {}), b = number_of(type, wanted, unit);
      return a && b && *a == *b;
    }
    case ParameterType::enumeration: {
      if (lower(setting) == lower(wanted)) return true;
      const auto a = parse_boolean(setting), b = parse_boolean(wanted);
      return a && b && *a == *b;
    }
    case ParameterType::text:
      break;
  }
  return setting == wanted;
}

std::string readable_value(ParameterType type, std::string_view unit, std::string_view setting) {
  const auto number = number_of(type, setting, {});
  return number ? readable_number(type, unit, *number) : std::string(setting);
}

std::string readable_wanted(ParameterType type, std::string_view unit, std::string_view wanted) {
  const auto number = number_of(type, wanted, unit);
  return number ? readable_number(type, unit, *number) : std::string(wanted);
}

// As in PostgreSQL's parser of configuration files.
bool is_parameter_name(std::string_view name) {
  const auto is_letter = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
  };
  const auto is_word = [&](std::string_view word) {
    return !word.empty() && is_letter(word[0]) &&
           std::ranges::all_of(word, [&](unsigned char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
  };
  const auto dot = name.find('.');
  if (dot != std::string_view::npos) return is_word(name.substr(0, dot)) && is_word(name.substr(dot + 1));
  const auto word = lower(name);
  return is_word(name) && word != "include" && word != "include_dir" && word != "include_if_exists";
}

void make_valid(std::map<std::string, std::string>& parameters, int server_version, const std::set<std::string>& known,
                std::vector<std::string>& warnings, std::string_view section) {
  std::erase_if(parameters, [&](const auto& parameter) {
    const auto& [name, value] = parameter;
    if (is_parameter_name(name) && !value.contains('\0')) return false;
    warnings.push_back(fmt::format("Removing invalid parameter {} from {}: it is no {}", wire::dump_python(name),
                                   section, is_parameter_name(name) ? "text" : "name of a parameter"));
    return true;
  });
  // The table does not cover this version, so the server itself has to judge.
  if (!core::features::has_one_major_number(server_version) || server_version / 10000 > parameter_table_newest) return;
  for (auto it = parameters.begin(); it != parameters.end();) {
    const auto& name = it->first;
    const auto* parameter = find_parameter(name, server_version);
    bool keep = name.contains('.') || known.contains(lower(name));
    if (parameter) {
      auto value = valid_value(*parameter, name, it->second, warnings);
      keep = value.has_value();
      if (keep) it->second = *std::move(value);
    } else if (!keep) {
      warnings.push_back(fmt::format("Removing invalid parameter `{}` from {}", name, section));
    }
    it = keep ? std::next(it) : parameters.erase(it);
  }
}

}  // namespace tamada::config
