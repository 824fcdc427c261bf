#include "config/section.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "config/dynamic.h"
#include "wire/json.h"

namespace tamada::config {
namespace {

using Json = nlohmann::ordered_json;

const Json nothing = Json::object();

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

// The known key that was probably meant; empty when none is near.
std::string nearest(std::string_view key, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>((key.size() + 1) / 3, 1) + 1;
  for (const auto& candidate : known) {
    const auto distance = edit_distance(key, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

// Text, or a number that somebody did not quote (`scope: 12`).
std::optional<std::string> as_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number() ? parameter_text(value) : std::nullopt;
}

std::string_view kind(const Json& value) {
  if (value.is_object()) return "a mapping";
  if (value.is_array()) return "a list";
  if (value.is_boolean()) return "a boolean";
  if (value.is_number()) return "a number";
  return value.is_null() ? "empty" : "text";
}

// Patroni takes a value's own quotes off, for the sake of files that say `locale: "'C'"`.
std::string unquoted(std::string text) {
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.front() == text.back()) {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

}  // namespace

Section::Section(const Document& document, Problems& problems)
    : Section(document, problems, &document.value, std::string()) {}

Section::Section(const Document& document, Problems& problems, const Json* object, std::string path)
    : document_(&document), problems_(&problems), object_(&nothing), path_(std::move(path)) {
  if (object == nullptr) return;
  if (object->is_object()) {
    object_ = object;
    present_ = true;
  } else {
    problems_->errors.push_back(fmt::format("{}is {}; allowed: a mapping", place(""), kind(*object)));
  }
}

Section Section::section(std::string_view key) { return {*document_, *problems_, raw(key), join_path(path_, key)}; }

// "patroni.yml:12: postgresql.listen: "; the line of the nearest thing around for a key that is not there.
std::string Section::place(std::string_view key) const {
  const std::string path = key.empty() ? path_ : join_path(path_, key);
  std::string around = path;
  auto origin = document_->origins.find(around);
  while (origin == document_->origins.end() && !around.empty()) {
    const auto cut = around.find_last_of(".[");
    around = cut == around.npos ? std::string() : around.substr(0, cut);
    origin = document_->origins.find(around);
  }
  const std::string where = origin == document_->origins.end() ? std::string() : origin->second + ": ";
  return path.empty() ? where : fmt::format("{}{}: ", where, path);
}

void Section::known(std::string_view key) { known_.emplace_back(key); }
void Section::error(std::string_view key, std::string_view what) {
  problems_->errors.push_back(fmt::format("{}{}", place(key), what));
}
void Section::warning(std::string_view key, std::string_view what) {
  problems_->warnings.push_back(fmt::format("{}{}", place(key), what));
}

const Json* Section::raw(std::string_view key) {
  known(key);
  const Json* value = wire::find(*object_, key);
  return value && !value->is_null() ? value : nullptr;
}

std::string Section::text(std::string_view key, std::string_view fallback) {
  const Json* value = raw(key);
  if (!value) return std::string(fallback);
  if (auto text = as_text(*value)) return *text;
  error(key, fmt::format("is {}; allowed: text{}", kind(*value), value->is_boolean() ? " (put it in quotes)" : ""));
  return std::string(fallback);
}

std::string Section::required_text(std::string_view key, std::string_view example) {
  const std::size_t errors = problems_->errors.size();
  std::string value = text(key);
  if (value.empty() && problems_->errors.size() == errors) {
    error(key, fmt::format("is missing or empty; allowed: {}", example));
  }
  return value;
}

std::string Section::one_of(std::string_view key, std::initializer_list<std::string_view> allowed,
                            std::string_view fallback) {
  std::string value = text(key, fallback);
  if (std::ranges::find(allowed, value) != allowed.end()) return value;
  error(key, fmt::format("'{}' is not one of the words; allowed: {}", value, fmt::join(allowed, ", ")));
  return std::string(fallback);
}

std::optional<bool> Section::boolean(std::string_view key) {
  const Json* value = raw(key);
  if (!value) return std::nullopt;
  if (const auto known_value = wire::to_bool(*value)) return known_value;
  error(key, "is not a boolean; allowed: true, false, on, off, yes, no");
  return std::nullopt;
}

std::optional<std::int64_t> Section::integer(std::string_view key, std::int64_t min, std::int64_t max) {
  const Json* value = raw(key);
  if (!value) return std::nullopt;
  const auto number = wire::to_integer(*value);
  if (number && *number >= min && *number <= max) return number;
  error(key, fmt::format("{} does not fit; allowed: a whole number from {} to {}",
                         number ? std::to_string(*number) : std::string(kind(*value)), min, max));
  return std::nullopt;
}

std::vector<std::string> Section::lines(std::string_view key) {
  std::vector<std::string> result;
  const Json* value = raw(key);
  if (!value) return result;
  if (!value->is_array()) {
    error(key, fmt::format("is {}; allowed: a list of lines", kind(*value)));
    return result;
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    if (auto text = as_text((*value)[i])) {
      result.push_back(std::move(*text));
    } else {
      error(join_path(key, i), fmt::format("is {}; allowed: text", kind((*value)[i])));
    }
  }
  return result;
}

std::map<std::string, std::string> Section::parameters(std::string_view key) {
  const auto all = pairs(key);
  return {all.begin(), all.end()};
}

std::vector<std::pair<std::string, std::string>> Section::pairs(std::string_view key) {
  std::vector<std::pair<std::string, std::string>> result;
  const Json* value = raw(key);
  if (!value) return result;
  if (!value->is_object()) {
    error(key, fmt::format("is {}; allowed: a mapping", kind(*value)));
    return result;
  }
  for (const auto& item : value->items()) {
    if (auto text = parameter_text(item.value())) {
      result.emplace_back(item.key(), std::move(*text));
    } else if (!item.value().is_null()) {
      error(join_path(key, item.key()), fmt::format("is {}; allowed: text, a number, a boolean", kind(item.value())));
    }
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
    } else if (!value->is_null()) {
      error(where, fmt::format("the value of {} is {}; allowed: text", name, kind(*value)));
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
      } else {
        error(join_path(key, i), fmt::format("is {}; allowed: text, or a mapping of one key", kind(option)));
      }
    }
  } else {
    error(key, fmt::format("is {}; allowed: a list of options", kind(*options)));
  }
  return result;
}

void Section::unsupported(std::initializer_list<std::string_view> keys) {
  for (const auto key : keys) {
    if (raw(key)) warning(key, "is known to Patroni but not supported here; it has no effect");
  }
}

void Section::accept(std::initializer_list<std::string_view> keys) {
  for (const auto key : keys) known(key);
}

void Section::finish() {
  for (const auto& item : object_->items()) {
    if (std::ranges::find(known_, item.key()) != known_.end()) continue;
    const auto meant = nearest(item.key(), known_);
    warning(item.key(), meant.empty() ? "unknown key; it has no effect"
                                      : fmt::format("unknown key; it has no effect. Did you mean {}?", meant));
  }
}

}  // namespace tamada::config
