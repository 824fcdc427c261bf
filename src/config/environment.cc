#include "config/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "config/dynamic.h"
#include "config/schema.h"

namespace tamada::config {
namespace {

constexpr std::string_view prefix = "PATRONI_";

// Older names of variables. Where both are set, the newer one counts.
constexpr auto older_names =
    std::to_array<std::pair<std::string_view, std::string_view>>({{"PATRONI_LOGLEVEL", "log.level"},
                                                                  {"PATRONI_LOGFORMAT", "log.format"},
                                                                  {"PATRONI_LOG_DATEFMT", "log.dateformat"}});

// Reads "'a:1','b:2'", "a:1,b:2" or a YAML list.
Json list(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  const bool is_yaml = text.contains('[') || (first != text.npos && text[first] == '-');
  auto parsed = parse_yaml(is_yaml ? text : "[" + text + "]", "");
  return parsed && parsed->value.is_array() ? parsed->value : Json(text);
}

// Reads "a: 1, b: 2" or a YAML mapping.
Json mapping(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  auto parsed = parse_yaml(first != text.npos && text[first] == '{' ? text : "{" + text + "}", "");
  return parsed && parsed->value.is_object() ? parsed->value : Json(text);
}

Json value_of(const Key& key, const std::string& text) {
  switch (key.type) {
    case Type::lines:
    case Type::hosts:
      return list(text);
    case Type::parameters:
    case Type::mapping:
      return mapping(text);
    case Type::fields:
      return text.contains("%(") ? Json(text) : list(text);
    default:
      return text;
  }
}

void put(Document& document, const std::string& path, Json value, const std::string& origin) {
  Json* place = &document.value;
  for (std::string_view rest = path;;) {
    const auto dot = rest.find('.');
    place = &(*place)[std::string(rest.substr(0, dot))];
    if (dot == rest.npos) break;
    rest.remove_prefix(dot + 1);
  }
  *place = std::move(value);
  document.origins[path] = origin;
}

// Why the variable has no effect: its section is of a store that is not supported, such as PATRONI_CONSUL_HOST.
std::string_view reason_of(std::string_view name) {
  name.remove_prefix(prefix.size());
  for (const auto& key : local_schema.keys) {
    const bool is_its = name.size() > key.name.size() && name[key.name.size()] == '_' &&
                        std::ranges::equal(name.substr(0, key.name.size()), key.name,
                                           [](unsigned char a, unsigned char b) { return std::tolower(a) == b; });
    if (is_its && !key.unsupported.empty()) return key.unsupported;
  }
  return "";
}

}  // namespace

Document environment_document(const std::map<std::string, std::string>& environment, Problems& problems) {
  Document document;
  document.value = Json::object();
  const auto known = variables();
  const auto given = [&](std::string_view name) {
    const auto found = environment.find(std::string(name));
    return found != environment.end() && !found->second.empty() ? &found->second : nullptr;
  };
  for (const auto& [name, path] : older_names) {
    if (const auto* text = given(name)) put(document, std::string(path), *text, std::string(name));
  }
  std::vector<std::string> names = {"PATRONI_CONFIGURATION"};
  for (const auto& [name, path, key] : known) {
    names.push_back(name);
    if (const auto* text = given(name)) put(document, path, value_of(*key, *text), name);
  }
  for (const auto& [name, text] : environment) {
    if (!name.starts_with(prefix) || text.empty() || std::ranges::find(names, name) != names.end() ||
        std::ranges::find(older_names, name, &std::pair<std::string_view, std::string_view>::first) !=
            older_names.end()) {
      continue;
    }
    const auto reason = reason_of(name);
    const auto meant = nearest(name, names);
    problems.warnings.push_back(
        {name, !reason.empty() ? fmt::format("has no effect: {}", reason)
               : meant.empty() ? "unknown variable; it has no effect"
                               : fmt::format("unknown variable; it has no effect. Did you mean {}?", meant)});
  }
  return document;
}

void lay_over(Document& document, const Document& over) {
  if (!document.value.is_object()) document.value = Json::object();
  document.value = merge(std::move(document.value), over.value);
  for (const auto& [path, origin] : over.origins) {
    // A variable for restapi.authentication.username says nothing about the place where `restapi` itself is set.
    document.origins.insert_or_assign(path, origin);
  }
}

}  // namespace tamada::config
