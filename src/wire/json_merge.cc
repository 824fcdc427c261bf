#include "wire/json_merge.h"

#include <nlohmann/json.hpp>

namespace tamada::wire {
namespace {

using Json = nlohmann::ordered_json;

std::string printed(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  return value.dump();
}

}  // namespace

bool merge_json(Json& target, const Json& patch) {
  bool changed = false;
  for (const auto& [name, value] : patch.items()) {
    const auto it = target.find(name);
    if (value.is_null()) {
      if (it == target.end()) continue;
      changed = changed || !it->is_null();
      target.erase(name);
    } else if (it == target.end()) {
      target[name] = value;
      changed = true;
    } else if (value.is_object() && it->is_object()) {
      changed = merge_json(*it, value) || changed;
    } else if (value.is_object() || printed(*it) != printed(value)) {
      *it = value;
      changed = true;
    }
  }
  return changed;
}

}  // namespace tamada::wire
