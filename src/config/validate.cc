#include "config/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>

#include "config/value.h"
#include "wire/json.h"

namespace tamada::config {
namespace {

class Validation {
 public:
  Validation(const Document& document, Purpose purpose, Problems& problems)
      : document_(document), purpose_(purpose), problems_(problems) {}

  void section(const Key& schema, const Json& object, const std::string& path) {
    for (const auto& item : object.items()) {
      const auto where = join_path(path, item.key());
      if (const Key* key = known(schema, item.key())) {
        value(*key, item.value(), where);
      } else if (!(schema.open && (schema.name == "tags" || is_method(item.value())))) {
        warn(where, unknown(schema, item.key()));
      }
    }
    for (const auto& key : schema.keys) {
      const Json* given = wire::find(object, key.name);
      const bool absent = !given || given->is_null() || *given == Json("");
      if (absent && key.type == Type::section) section(key, Json::object(), join_path(path, key.name));
      if (absent && key.required && purpose_ == Purpose::daemon) {
        fail(join_path(path, key.name), fmt::format("is missing or empty; allowed: {}", key.allowed));
      }
    }
  }

 private:
  void value(const Key& key, const Json& given, const std::string& where) {
    if (given.is_null() || !key.unused.empty()) return;
    if (!key.unsupported.empty()) {
      warn(where, fmt::format("has no effect: {}", key.unsupported));
      return;
    }
    const auto wrong = mistakes(key, given);
    for (const auto& mistake : wrong) fail(where + mistake.below, mistake.what);
    if (!wrong.empty()) return;
    if (key.type == Type::section) section(key, given, where);
    if (key.type == Type::dynamic) dynamic(given, where);
  }

  // The dynamic section postgresql may have the same keys as the local one.
  static bool is_dynamic_postgresql(const Key& schema) { return &schema == find(dynamic_schema, "postgresql"); }

  static const Key* known(const Key& schema, std::string_view name) {
    if (const Key* key = find(schema, name)) return key;
    return is_dynamic_postgresql(schema) ? find(*find(local_schema, "postgresql"), name) : nullptr;
  }

  // Mistakes in bootstrap.dcs are only warnings, because nothing reads it any more once the cluster exists.
  void dynamic(const Json& given, const std::string& where) {
    Problems found;
    Validation(document_, purpose_, found).section(dynamic_schema, given, where);
    for (auto* list : {&found.errors, &found.warnings})
      std::ranges::move(*list, std::back_inserter(problems_.warnings));
  }

  // Whether it is a section that bootstrap.method or postgresql.create_replica_methods may name.
  static bool is_method(const Json& value) { return wire::find(value, "command") != nullptr; }

  static std::string unknown(const Key& schema, const std::string& name) {
    std::vector<std::string> known;
    for (const auto& key : schema.keys) known.emplace_back(key.name);
    if (is_dynamic_postgresql(schema)) {
      for (const auto& key : find(local_schema, "postgresql")->keys) known.emplace_back(key.name);
    }
    const auto meant = nearest(name, known);
    return meant.empty() ? "unknown key; it has no effect"
                         : fmt::format("unknown key; it has no effect. Did you mean {}?", meant);
  }

  void fail(const std::string& path, const std::string& what) { add(problems_.errors, path, what); }
  void warn(const std::string& path, const std::string& what) { add(problems_.warnings, path, what); }
  void add(std::vector<Problem>& list, const std::string& path, const std::string& what) {
    list.push_back({origin_of(document_, path), fmt::format("{}: {}", path, what)});
  }

  const Document& document_;
  Purpose purpose_;
  Problems& problems_;
};

}  // namespace

std::string origin_of(const Document& document, const std::string& path) {
  std::string around = path;
  auto origin = document.origins.find(around);
  while (origin == document.origins.end() && !around.empty()) {
    const auto cut = around.find_last_of(".[");
    around = cut == around.npos ? std::string() : around.substr(0, cut);
    origin = document.origins.find(around);
  }
  return origin == document.origins.end() ? std::string() : origin->second;
}

std::vector<std::string> lines_of(std::vector<Problem> problems) {
  // "file:12" as ("file", 12), and the place in the order of discovery.
  std::vector<std::tuple<std::string, std::size_t, std::size_t>> order;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    const std::string& origin = problems[i].origin;
    const auto colon = origin.rfind(':');
    std::size_t line = 0;
    if (colon != origin.npos) std::from_chars(origin.data() + colon + 1, origin.data() + origin.size(), line);
    order.emplace_back(origin.substr(0, line > 0 ? colon : origin.npos), line, i);
  }
  std::ranges::sort(order);
  std::vector<std::string> result;
  for (const auto& [file, line, i] : order) {
    const auto& [origin, text] = problems[i];
    result.push_back(origin.empty() ? text : origin + ": " + text);
  }
  return result;
}

void validate(const Document& document, const Key& schema, Purpose purpose, Problems& problems) {
  Validation(document, purpose, problems).section(schema, document.value, "");
}

}  // namespace tamada::config
