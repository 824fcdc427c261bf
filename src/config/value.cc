#include "config/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/dynamic.h"
#include "config/quantity.h"
#include "wire/json.h"

namespace tamada::config {
namespace {

using Json = nlohmann::ordered_json;

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n"), last = text.find_last_not_of(" \t\n");
  return first == text.npos ? std::string() : std::string(text.substr(first, last - first + 1));
}

// Splits "a, b, c".
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> result;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    if (auto word = trimmed(text.substr(at, end - at)); !word.empty()) result.push_back(std::move(word));
    at = end + 1;
  }
  return result;
}

Mistake not_allowed(const Key& key, const Json& value, std::string_view otherwise) {
  return {"", fmt::format("is {}; allowed: {}", kind(value), key.allowed.empty() ? otherwise : key.allowed)};
}

void check_lines(const Key& key, const Json& value, std::vector<Mistake>& result) {
  if (key.type == Type::hosts && as_text(value)) return;
  if (!value.is_array()) {
    result.push_back(not_allowed(key, value, "a list of lines"));
    return;
  }
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!as_text(value[i]))
      result.push_back({fmt::format("[{}]", i), fmt::format("is {}; allowed: text", kind(value[i]))});
  }
}

void check_parameters(const Key& key, const Json& value, std::vector<Mistake>& result) {
  if (!value.is_object()) {
    result.push_back(not_allowed(key, value, "a mapping"));
    return;
  }
  for (const auto& item : value.items()) {
    if (item.value().is_null() || parameter_text(item.value())) continue;
    result.push_back({"." + item.key(), fmt::format("is {}; allowed: text, a number, a boolean", kind(item.value()))});
  }
}

void check_options(const Key& key, const Json& value, std::vector<Mistake>& result) {
  const auto check_value = [&](std::string below, const std::string& name, const Json& option) {
    if (option.is_null() || parameter_text(option)) return;
    result.push_back({std::move(below), fmt::format("the value of {} is {}; allowed: text", name, kind(option))});
  };
  if (value.is_object()) {
    for (const auto& item : value.items()) check_value("." + item.key(), item.key(), item.value());
    return;
  }
  if (!value.is_array()) {
    result.push_back(not_allowed(key, value, "a list of options"));
    return;
  }
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto below = fmt::format("[{}]", i);
    if (value[i].is_string()) continue;
    if (value[i].is_object() && value[i].size() == 1) {
      const auto item = value[i].items().begin();
      check_value(below, item.key(), item.value());
    } else {
      result.push_back({below, fmt::format("is {}; allowed: text, or a mapping of one key", kind(value[i]))});
    }
  }
}

void check_fields(const Key& key, const Json& value, std::vector<Mistake>& result) {
  if (value.is_string()) return;
  const bool fits = value.is_array() && !value.empty() && std::ranges::all_of(value, [](const Json& field) {
                      return field.is_string() ||
                             (field.is_object() && field.size() == 1 && field.items().begin().value().is_string());
                    });
  if (!fits) result.push_back(not_allowed(key, value, "text"));
}

std::string number_mistake(const Key& key, const Json& value) {
  const auto number = quantity(value, key.type == Type::seconds ? "s" : "");
  return fmt::format("{} does not fit; allowed: a whole number from {} to {}",
                     number ? std::to_string(*number) : std::string(kind(value)), key.min, key.max);
}

}  // namespace

std::string_view kind(const Json& value) {
  if (value.is_object()) return "a mapping";
  if (value.is_array()) return "a list";
  if (value.is_boolean()) return "a boolean";
  if (value.is_number()) return "a number";
  return value.is_null() ? "empty" : "text";
}

std::optional<std::string> as_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number() ? parameter_text(value) : std::nullopt;
}

std::optional<std::string> as_word(const Key& key, const Json& value) {
  const auto given = value.is_boolean() ? parameter_text(value) : as_text(value);
  if (!given) return std::nullopt;
  std::string word = *given;
  if (key.type == Type::level && same_word(word, "warn")) word = "WARNING";
  if (key.type == Type::level && same_word(word, "fatal")) word = "CRITICAL";
  const auto words = split_list(key.allowed);
  const auto found = std::ranges::find_if(words, [&](const auto& allowed) { return same_word(allowed, word); });
  if (found != words.end()) return *found;
  // `synchronous_mode: "true"` means the same as `on`.
  const auto boolean = wire::to_bool(value);
  const std::string_view switched = !boolean ? "" : *boolean ? "on" : "off";
  return std::ranges::find(words, switched) != words.end() ? std::optional<std::string>(switched) : std::nullopt;
}

std::optional<std::int64_t> as_number(const Key& key, const Json& value) {
  const auto number = quantity(value, key.type == Type::seconds ? "s" : "");
  return number && *number >= key.min && *number <= key.max ? number : std::nullopt;
}

std::vector<std::string> as_lines(const Json& value) {
  if (const auto text = as_text(value)) return split_list(*text);
  std::vector<std::string> result;
  if (!value.is_array()) return result;
  for (const auto& line : value) {
    if (auto text = as_text(line)) result.push_back(std::move(*text));
  }
  return result;
}

bool is_absent(const Key& key, const Json& value) {
  const bool says_nothing = key.type == Type::word || key.type == Type::boolean || key.type == Type::integer ||
                            key.type == Type::seconds || key.type == Type::level;
  return value.is_null() || (says_nothing && value == Json(""));
}

std::vector<Mistake> mistakes(const Key& key, const Json& value) {
  std::vector<Mistake> result;
  if (is_absent(key, value)) return result;
  switch (key.type) {
    case Type::text:
    case Type::address:
    case Type::addresses:
      if (!as_text(value)) {
        const auto hint = value.is_boolean() ? " (put it in quotes)" : "";
        result.push_back({"", fmt::format("is {}; allowed: text{}", kind(value), hint)});
      }
      break;
    case Type::word:
    case Type::level:
      if (!as_word(key, value)) {
        const auto text = as_text(value);
        result.push_back({"", fmt::format("{} is not one of the words; allowed: {}",
                                          text ? fmt::format("'{}'", *text) : std::string(kind(value)), key.allowed)});
      }
      break;
    case Type::boolean:
      if (!wire::to_bool(value)) {
        result.push_back({"", "is not a boolean; allowed: true, false, on, off, yes, no"});
      }
      break;
    case Type::integer:
    case Type::seconds:
      if (!as_number(key, value)) result.push_back({"", number_mistake(key, value)});
      break;
    case Type::lines:
    case Type::hosts:
      check_lines(key, value, result);
      break;
    case Type::parameters:
      check_parameters(key, value, result);
      break;
    case Type::options:
      check_options(key, value, result);
      break;
    case Type::fields:
      check_fields(key, value, result);
      break;
    case Type::section:
    case Type::dynamic:
      if (!value.is_object()) result.push_back(not_allowed(key, value, "a mapping"));
      break;
    case Type::mapping:
      if (!value.is_structured()) result.push_back(not_allowed(key, value, "a mapping"));
      break;
  }
  return result;
}

}  // namespace tamada::config
