#include "config/profile.h"

#include <fmt/format.h>

#include <map>

#include "wire/json.h"
#include "wire/python_json.h"

namespace tamada::config {
namespace {

// norm: Patroni's defaults. fast: a short lease, which a short outage of etcd would end, so failsafe mode is on. wide:
// for networks with frequent outages of a minute; it does not set failsafe mode.
const std::map<std::string, Json, std::less<>> profiles{
    {"fast", {{"ttl", 4}, {"loop_wait", 1}, {"retry_timeout", 1}, {"failsafe_mode", true}}},
    {"norm", {{"ttl", 30}, {"loop_wait", 10}, {"retry_timeout", 10}}},
    {"wide", {{"ttl", 120}, {"loop_wait", 10}, {"retry_timeout", 30}}},
};

const Json* profile_of(const Json& dynamic) {
  const Json* name = wire::find(dynamic, "profile");
  const auto it = name && name->is_string() ? profiles.find(name->get_ref<const std::string&>()) : profiles.end();
  return it == profiles.end() ? nullptr : &it->second;
}

const Json* own(const Json& dynamic, std::string_view key) {
  const Json* value = wire::find(dynamic, key);
  return value && !value->is_null() ? value : nullptr;
}

}  // namespace

Json with_profile(Json dynamic) {
  const Json* profile = profile_of(dynamic);
  if (!profile) return dynamic;
  for (const auto& item : profile->items()) {
    if (!own(dynamic, item.key())) dynamic[item.key()] = item.value();
  }
  return dynamic;
}

std::vector<std::string> overridden_by_keys(const Json& dynamic) {
  std::vector<std::string> result;
  const Json* profile = profile_of(dynamic);
  if (!profile) return result;
  for (const auto& item : profile->items()) {
    const Json* value = own(dynamic, item.key());
    if (!value || *value == item.value()) continue;
    result.push_back(fmt::format(
        "{0}: {1} is set, and counts instead of the {2} of profile {3}; without it ({0}=null) the profile's counts",
        item.key(), wire::dump_python(*value), wire::dump_python(item.value()), wire::text_at(dynamic, "profile")));
  }
  return result;
}

}  // namespace tamada::config
