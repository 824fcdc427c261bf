#include "config/cluster_sections.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/dynamic.h"
#include "wire/json.h"
#include "wire/python_json.h"

namespace tamada::config {
namespace {

// Whether the value is true by Python's rules.
bool is_truthy(const Json& value) {
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  if (value.is_number()) return value != 0;
  if (value.is_boolean()) return value.get<bool>();
  return !value.is_null() && !value.empty();
}

std::string text_of(const Json& object, std::string_view key) {
  const Json* value = wire::find(object, key);
  return value ? parameter_text(*value).value_or("") : "";
}

bool is_slot_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

std::optional<core::PermanentSlot> permanent_slot(const Json& value) {
  core::PermanentSlot slot;
  if (!is_truthy(value)) return slot;
  if (!value.is_object()) return std::nullopt;
  slot.database = wire::text_at(value, "database");
  slot.plugin = wire::text_at(value, "plugin");
  slot.cluster_type = wire::text_at(value, "cluster_type");
  const bool complete = !slot.database.empty() && !slot.plugin.empty();
  const Json* type = wire::find(value, "type");
  slot.physical = type ? *type == "physical" : !complete;
  if (slot.physical) {
    slot.database = slot.plugin = "";
    return slot;
  }
  const bool logical = complete && (!type || *type == "logical");
  return logical ? std::optional(slot) : std::nullopt;
}

}  // namespace

std::map<std::string, core::PermanentSlot> permanent_slots(const Json& dynamic, std::vector<std::string>* warnings) {
  std::map<std::string, core::PermanentSlot> slots;
  const auto warn = [warnings](std::string text) {
    if (warnings) warnings->push_back(std::move(text));
  };
  for (const auto* key : {"permanent_replication_slots", "permanent_slots", "slots"}) {
    const Json* section = wire::find(dynamic, key);
    if (!section || !is_truthy(*section)) continue;
    if (!section->is_object()) {
      warn(fmt::format("{}: {} is not a list of slots by name", key, wire::dump_python(*section)));
      break;
    }
    for (const auto& item : section->items()) {
      if (!is_slot_name(item.key())) {
        warn(
            fmt::format("Invalid permanent replication slot name '{}'. Slot name may only contain lower case letters, "
                        "numbers, and the underscore chars",
                        item.key()));
      } else if (auto slot = permanent_slot(item.value())) {
        slots[item.key()] = std::move(*slot);
      } else {
        warn(
            fmt::format("Bad value for slot '{}' in permanent_slots: {}", item.key(), wire::dump_python(item.value())));
      }
    }
    break;
  }
  return slots;
}

std::vector<core::SlotMatcher> ignored_slots(const Json& dynamic) {
  std::vector<core::SlotMatcher> matchers;
  const Json* list = wire::find(dynamic, "ignore_slots");
  if (!list || !list->is_array()) return matchers;
  for (const auto& item : *list) {
    if (!item.is_object()) continue;
    matchers.push_back({wire::text_at(item, "name"), wire::text_at(item, "type"), wire::text_at(item, "database"),
                        wire::text_at(item, "plugin")});
  }
  return matchers;
}

std::optional<core::StandbyCluster> standby_cluster(const Json& dynamic) {
  const Json* section = wire::find(dynamic, "standby_cluster");
  if (!section || !section->is_object()) return std::nullopt;
  const auto given = [section](std::string_view key) {
    const Json* value = wire::find(*section, key);
    return value && is_truthy(*value);
  };
  if (!given("host") && !given("port") && !given("restore_command")) return std::nullopt;
  core::StandbyCluster standby{.host = text_of(*section, "host"),
                               .port = text_of(*section, "port"),
                               .primary_slot_name = text_of(*section, "primary_slot_name"),
                               .create_replica_methods = {},
                               .restore_command = text_of(*section, "restore_command"),
                               .archive_cleanup_command = text_of(*section, "archive_cleanup_command"),
                               .recovery_min_apply_delay = text_of(*section, "recovery_min_apply_delay")};
  const Json* methods = wire::find(*section, "create_replica_methods");
  if (!methods) methods = wire::find(*section, "create_replica_method");
  if (methods && methods->is_array()) {
    for (const auto& method : *methods) {
      if (method.is_string()) standby.create_replica_methods.push_back(method.get<std::string>());
    }
  }
  return standby;
}

}  // namespace tamada::config
