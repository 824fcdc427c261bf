#include "diagnosis/missing.h"

#include <map>
#include <set>

#include "core/slots.h"
#include "diagnosis/words.h"

namespace tamada::diagnosis {

std::vector<Missing> missing_members(const core::ClusterView& view) {
  std::map<std::string, std::optional<core::WallTime>> found;
  const auto add = [&](const std::string& name, std::optional<core::WallTime> since) {
    if (!name.empty() && !view.members.contains(name)) found.emplace(name, since);
  };
  if (view.status) {
    for (const auto& [name, missed_at] : view.status->members) {
      add(name, missed_at == 0 ? std::nullopt : std::optional(core::WallTime(std::chrono::seconds(missed_at))));
    }
  }
  if (view.leader) add(view.leader->name, {});
  for (const auto& [name, url] : view.failsafe.value_or(std::map<std::string, std::string>())) add(name, {});
  if (view.sync) {
    add(view.sync->leader, {});
    for (const auto& name : view.sync->standbys) add(name, {});
  }
  std::set<std::string> slots;
  for (const auto& [name, member] : view.members) slots.insert(core::slot_name(name));
  for (const auto& [name, since] : found) slots.insert(core::slot_name(name));
  // The slots are used only if the leader's key has no list of members, because a slot's name may differ from its
  // member's.
  if (view.status && view.status->members.empty()) {
    for (const auto& slot : view.status->retain_slots) {
      if (!slots.contains(slot)) add(slot, {});
    }
  }
  std::vector<Missing> all;
  for (const auto& [name, since] : found) all.push_back({.name = name, .since = since});
  return all;
}

std::string describe(const Missing& missing, core::WallTime now) {
  if (!missing.since) return missing.name + " (it has no key in etcd)";
  const auto gone = std::chrono::duration<double>(now - *missing.since).count();
  return missing.name + " (its key in etcd has been gone for " + format_age(gone) + ")";
}

}  // namespace tamada::diagnosis
