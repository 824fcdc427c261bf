#include "config/section.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "config/dynamic.h"
#include "config/value.h"
#include "wire/json.h"

namespace tamada::config {
namespace {

const Json nothing = Json::object();

// As in Patroni, quotation marks inside the value are removed, because some files contain `locale: "'C'"`.
std::string unquoted(std::string text) {
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.front() == text.back()) {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

}  // namespace

Section::Section(const Document& document, const Key& schema, Problems& problems)
    : Section(document, schema, problems, &document.value, std::string()) {}

Section::Section(const Document& document, const Key& schema, Problems& problems, const Json* object, std::string path)
    : document_(&document), schema_(&schema), problems_(&problems), object_(&nothing), path_(std::move(path)) {
  if (object == nullptr || !object->is_object()) return;
  object_ = object;
  present_ = true;
}

const Key& Section::key_of(std::string_view name) const {
  if (const Key* key = find(*schema_, name)) return *key;
  fmt::print(stderr, "the table of keys lacks {}.{}\n", path_, name);
  std::abort();
}

Section Section::section(std::string_view key) const {
  return {*document_, key_of(key), *problems_, raw(key), join_path(path_, key)};
}

Problem Section::problem(std::string_view key, std::string_view what) const {
  const auto path = join_path(path_, key);
  return {origin_of(*document_, path), fmt::format("{}: {}", path, what)};
}
void Section::error(std::string_view key, std::string_view what) { problems_->errors.push_back(problem(key, what)); }
void Section::warning(std::string_view key, std::string_view what) {
  problems_->warnings.push_back(problem(key, what));
}

const Json* Section::raw(std::string_view name) const {
  const Key& key = key_of(name);
  const Json* value = wire::find(*object_, name);
  return value && !is_absent(key, *value) ? value : nullptr;
}

std::string Section::text(std::string_view key) const {
  const Json* value = raw(key);
  if (!value) return std::string(key_of(key).fallback);
  return as_text(*value).value_or(std::string(key_of(key).fallback));
}

std::string Section::word(std::string_view key) const {
  const Json* value = raw(key);
  const std::string fallback(key_of(key).fallback);
  return value ? as_word(key_of(key), *value).value_or(fallback) : fallback;
}

std::optional<bool> Section::choice(std::string_view key) const {
  const Json* value = raw(key);
  return value ? wire::to_bool(*value) : std::nullopt;
}

bool Section::flag(std::string_view key) const {
  return choice(key).value_or(wire::bool_of(key_of(key).fallback).value_or(false));
}

std::int64_t Section::number(std::string_view key) const {
  const Json* value = raw(key);
  const auto given = value ? as_number(key_of(key), *value) : std::nullopt;
  return given ? *given : as_number(key_of(key), Json(std::string(key_of(key).fallback))).value_or(0);
}

std::vector<std::string> Section::lines(std::string_view key) const {
  return lines_if(key).value_or(std::vector<std::string>());
}

std::optional<std::vector<std::string>> Section::lines_if(std::string_view key) const {
  const Json* value = raw(key);
  if (!value || !mistakes(key_of(key), *value).empty()) return std::nullopt;
  return as_lines(*value);
}

std::map<std::string, std::string> Section::parameters(std::string_view key) const {
  const auto all = pairs(key);
  return {all.begin(), all.end()};
}

std::vector<std::pair<std::string, std::string>> Section::pairs(std::string_view key) const {
  std::vector<std::pair<std::string, std::string>> result;
  const Json* value = raw(key);
  if (!value || !value->is_object()) return result;
  for (const auto& item : value->items()) {
    if (auto text = parameter_text(item.value())) result.emplace_back(item.key(), std::move(*text));
  }
  return result;
}

std::vector<std::string> Section::arguments(std::string_view key, std::initializer_list<std::string_view> forbidden) {
  std::vector<std::string> result;
  const Json* options = raw(key);
  if (!options) return result;
  const auto add = [&](const std::string& name, const Json* value, const std::string& where) {
    if (std::ranges::find(forbidden, name) != forbidden.end()) {
      warning(where, fmt::format("option {} is not allowed here and is left out", name));
    } else if (!value) {
      result.push_back("--" + name);
    } else if (auto text = parameter_text(*value)) {
      result.push_back(fmt::format("--{}={}", name, unquoted(*text)));
    }
  };
  if (options->is_object()) {
    for (const auto& item : options->items()) add(item.key(), &item.value(), join_path(key, item.key()));
  } else if (options->is_array()) {
    for (std::size_t i = 0; i < options->size(); ++i) {
      const Json& option = (*options)[i];
      if (option.is_string()) {
        add(option.get<std::string>(), nullptr, join_path(key, i));
      } else if (option.is_object() && option.size() == 1) {
        add(option.items().begin().key(), &option.items().begin().value(), join_path(key, i));
      }
    }
  }
  return result;
}

}  // namespace tamada::config
