// Lays the local configuration over the dynamic one, and compares one reading of it with the next.
#include "config/effective.h"

#include <algorithm>
#include <array>

#include "config/local_sections.h"
#include "config/validate.h"
#include "config/yaml.h"
#include "wire/json.h"

namespace tamada::config {
namespace {

// Keys that only the node can know, so the dynamic configuration cannot set them. Patroni excludes the same keys.
constexpr auto local_only = std::to_array<std::string_view>(
    {"connect_address", "proxy_address", "listen", "config_dir", "data_dir", "pgpass", "authentication"});

const Json& section_of(const Json& object, std::string_view key) {
  static const Json empty = Json::object();
  const Json* found = wire::find(object, key);
  return found && found->is_object() ? *found : empty;
}

void add_changes(const Key& section, const Json& before, const Json& after, const std::string& path,
                 std::vector<std::string>& result) {
  for (const auto& key : section.keys) {
    const auto where = join_path(path, key.name);
    if (key.type == Type::section) {
      add_changes(key, section_of(before, key.name), section_of(after, key.name), where, result);
    } else if (key.reload == Reload::daemon) {
      const Json* const old = wire::find(before, key.name);
      const Json* const now = wire::find(after, key.name);
      if ((old ? *old : Json()) != (now ? *now : Json())) result.push_back(where);
    }
  }
}

}  // namespace

std::vector<std::string> changed_for_next_start(const Local& before, const Local& after) {
  std::vector<std::string> result;
  if (before.document && after.document) {
    add_changes(local_schema, before.document->value, after.document->value, "", result);
  }
  return result;
}

Local with_dynamic(const Local& local, const Json& dynamic, std::vector<std::string>* warnings) {
  if (!local.document) return local;
  const Json& own = section_of(local.document->value, "postgresql");
  Document added;
  added.value = {{"postgresql", Json::object()}};
  added.origins[""] = "/config";
  for (const auto& item : section_of(dynamic, "postgresql").items()) {
    const bool merged_elsewhere = find(*find(dynamic_schema, "postgresql"), item.key()) != nullptr;
    const bool is_local = std::ranges::find(local_only, item.key()) != local_only.end();
    if (!merged_elsewhere && !is_local && !own.contains(item.key()))
      added.value["postgresql"][item.key()] = item.value();
  }
  if (added.value["postgresql"].empty()) return local;

  Problems problems;
  validate(added, local_schema, Purpose::ctl, problems);
  Document whole = *local.document;
  for (const auto& item : added.value["postgresql"].items()) whole.value["postgresql"][item.key()] = item.value();
  Problems of_reading;  // the problems of the local part were reported when it was loaded
  const Section root(whole, local_schema, of_reading);
  Local result = local;
  result.postgresql = {};
  read_postgresql(root.section("postgresql"), result.postgresql, Purpose::ctl);
  result.postgresql.data_dir = local.postgresql.data_dir;
  result.postgresql.config_dir = local.postgresql.config_dir;
  result.postgresql.pgpass = local.postgresql.pgpass;
  // settings() reports unknown keys together with the rest of the dynamic configuration.
  if (warnings) std::ranges::move(lines_of(std::move(problems.errors)), std::back_inserter(*warnings));
  return result;
}

}  // namespace tamada::config
