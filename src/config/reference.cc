// Makes the documentation from the table of keys.
#include <fmt/format.h>

#include "config/schema.h"
#include "config/yaml.h"

namespace tamada::config {
namespace {

std::string_view type_name(Type type) {
  switch (type) {
    case Type::section:
    case Type::dynamic:
    case Type::mapping:
      return "mapping";
    case Type::text:
      return "text";
    case Type::word:
    case Type::level:
      return "word";
    case Type::boolean:
      return "boolean";
    case Type::integer:
      return "number";
    case Type::seconds:
      return "seconds, or with a unit";
    case Type::address:
      return "host:port";
    case Type::addresses:
      return "hosts:port";
    case Type::lines:
      return "list";
    case Type::hosts:
      return "list, or text with commas";
    case Type::parameters:
      return "mapping of names to values";
    case Type::options:
      return "list, or mapping";
    case Type::fields:
      return "text, or list";
  }
  return "";
}

std::string_view reload_name(Reload reload) {
  switch (reload) {
    case Reload::at_once:
      return "at once";
    case Reload::daemon:
      return "daemon's restart";
    case Reload::bootstrap:
      return "new cluster";
    case Reload::server:
      return "as in PostgreSQL";
  }
  return "";
}

bool is_range_telling(const Key& key) {
  const bool numeric = key.type == Type::integer || key.type == Type::seconds;
  return numeric && (key.min != 0 || key.max < 100'000);
}

std::string values_of(const Key& key) {
  std::string text(type_name(key.type));
  if (key.type == Type::word || key.type == Type::level) text = key.allowed;
  if (is_range_telling(key)) {
    text += key.max < 100'000 ? fmt::format(", {} to {}", key.min, key.max) : fmt::format(", from {}", key.min);
  }
  return text;
}

void add_section(const Key& section, const std::string& path, std::string& out) {
  if (!path.empty()) out += fmt::format("\n### {}\n\n{}.\n", path, section.what);
  out += "\n| Key | Values | Default | Meaning | A change takes effect |\n|---|---|---|---|---|\n";
  std::string without;
  for (const auto& key : section.keys) {
    if (!key.unsupported.empty()) {
      without += fmt::format("- `{}`: not supported, with a warning: {}.\n", key.name, key.unsupported);
    } else if (!key.unused.empty()) {
      without += fmt::format("- `{}`: accepted without effect: {}.\n", key.name, key.unused);
    } else if (key.type != Type::section) {
      out += fmt::format("| `{}` | {} | {} | {}{} | {} |\n", key.name, values_of(key),
                         key.fallback.empty() ? "" : fmt::format("`{}`", key.fallback), key.what,
                         key.required ? "; **required**" : "", reload_name(key.reload));
    }
  }
  if (!without.empty()) out += "\n" + without;
  for (const auto& key : section.keys) {
    if (key.type == Type::section) add_section(key, join_path(path, key.name), out);
  }
}

}  // namespace

std::string reference_markdown() {
  std::string out = "## Local configuration\n";
  add_section(local_schema, "", out);
  out += "\n## Dynamic configuration\n";
  add_section(dynamic_schema, "", out);
  out += "\n## Environment\n\n| Variable | Key |\n|---|---|\n";
  for (const auto& [name, path, key] : variables()) out += fmt::format("| `{}` | `{}` |\n", name, path);
  return out;
}

}  // namespace tamada::config
