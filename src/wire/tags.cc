#include "wire/tags.h"

#include <algorithm>
#include <limits>

#include "wire/json.h"
#include "wire/python_json.h"

namespace tamada::wire {
namespace {

// Whether the value is true by Python's rules, except that the words for "no" count as false.
bool truth(const Json& value) {
  if (const auto known = to_bool(value)) return *known;
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  if (const auto number = to_integer(value)) return *number != 0;
  return !value.is_null() && !value.empty();
}

bool flag(const Json& tags, std::string_view name) {
  const Json* value = find(tags, name);
  return value && truth(*value);
}

struct Choice {
  bool never;
  int priority;
};

// As in Patroni's tags.py, the boolean decides, and the priority counts only if it does not contradict the boolean.
Choice choose(const Json& tags, std::string_view boolean, std::string_view priority_name) {
  constexpr std::int64_t int_max = std::numeric_limits<int>::max();
  const auto given = integer_at(tags, priority_name);
  const int priority = given ? static_cast<int>(std::clamp(*given, -int_max, int_max)) : 1;
  const Json* never = find(tags, boolean);
  if (!never || never->is_null()) return {priority <= 0, std::max(priority, 0)};
  if (truth(*never)) return {true, 0};
  return {false, std::max(priority, 1)};
}

bool is_published(const Json& tags, const std::string& name, const Json& value) {
  const bool predefined =
      name == "clonefrom" || name == "nofailover" || name == "noloadbalance" || name == "nosync" || name == "nostream";
  return !predefined || truth(value) || (name == "nofailover" && find(tags, "failover_priority")) ||
         (name == "nosync" && find(tags, "sync_priority"));
}

}  // namespace

core::Tags parse_tags(const Json& tags) {
  core::Tags result;
  if (!tags.is_object()) return result;
  const auto failover = choose(tags, "nofailover", "failover_priority");
  result.nofailover = failover.never;
  result.failover_priority = failover.priority;
  const auto sync = choose(tags, "nosync", "sync_priority");
  result.nosync = sync.never;
  result.sync_priority = sync.priority;
  result.noloadbalance = flag(tags, "noloadbalance");
  result.clonefrom = flag(tags, "clonefrom");
  result.nostream = flag(tags, "nostream");
  result.replicatefrom = text_at(tags, "replicatefrom");
  for (const auto& item : tags.items()) {
    if (is_published(tags, item.key(), item.value())) {
      result.published.emplace_back(item.key(), dump_compact(item.value()));
    }
  }
  return result;
}

Json tags_json(const core::Tags& tags) {
  Json result = Json::object();
  for (const auto& [name, text] : tags.published) {
    if (auto value = parse_json(text)) result[name] = std::move(*value);
  }
  return result;
}

}  // namespace tamada::wire
