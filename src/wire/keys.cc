#include "wire/keys.h"

#include <algorithm>
#include <limits>

#include "wire/json.h"
#include "wire/member.h"
#include "wire/python_json.h"

namespace tamada::wire {
namespace {

constexpr std::string_view members_prefix = "members/";
constexpr std::string_view legacy_optime_key = "optime/leader";

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

// Very old members wrote the value of `status` as JSON inside a string.
const Json* unwrapped(const Json* value, std::optional<Json>& storage) {
  if (!value || !value->is_string()) return value;
  storage = parse_json(value->get_ref<const std::string&>());
  return storage ? &*storage : nullptr;
}

core::Status parse_status(std::string_view text) {
  core::Status status;
  const auto value = parse_json(text);
  if (!value) return status;
  if (const auto number = to_integer(*value); number && *number >= 0) {  // before Patroni 2.1
    status.optime = static_cast<core::Lsn>(*number);
    return status;
  }
  status.optime = unsigned_at(*value, "optime");
  status.timeline = timeline_at(*value);
  if (const Json* members = find(*value, "members"); members && members->is_object()) {
    for (const auto& item : members->items()) status.members[item.key()] = to_integer(item.value()).value_or(0);
  }
  std::optional<Json> storage;
  if (const Json* slots = unwrapped(find(*value, "slots"), storage); slots && slots->is_object()) {
    for (const auto& item : slots->items()) {
      if (const auto lsn = to_integer(item.value()); lsn && *lsn >= 0) {
        status.slots[item.key()] = static_cast<core::Lsn>(*lsn);
      }
    }
  }
  if (const Json* names = unwrapped(find(*value, "retain_slots"), storage); names && names->is_array()) {
    for (const auto& name : *names) {
      if (name.is_string()) status.retain_slots.push_back(name.get<std::string>());
    }
  }
  return status;
}

std::vector<core::HistoryLine> parse_history(std::string_view text) {
  std::vector<core::HistoryLine> lines;
  const auto value = parse_json(text);
  if (!value || !value->is_array()) return lines;
  for (const auto& entry : *value) {
    if (!entry.is_array() || entry.size() < 2) continue;
    const auto timeline = to_integer(entry[0]);
    const auto lsn = to_integer(entry[1]);
    if (!timeline || *timeline < 1 || *timeline > std::numeric_limits<core::Timeline>::max() || !lsn || *lsn < 0)
      continue;
    const auto word = [&](std::size_t i) {
      return entry.size() > i && entry[i].is_string() ? entry[i].get<std::string>() : std::string();
    };
    lines.push_back({static_cast<core::Timeline>(*timeline), static_cast<core::Lsn>(*lsn), word(2), word(3), word(4)});
  }
  return lines;
}

core::SyncState parse_sync(std::string_view text) {
  core::SyncState sync;
  const auto value = parse_object(text);
  if (!value) return sync;
  sync.leader = text_at(*value, "leader");
  if (sync.leader.empty()) return sync;
  const auto names = text_at(*value, "sync_standby");
  for (std::size_t at = 0; at < names.size();) {
    const auto end = std::min(names.find(',', at), names.size());
    std::string name = names.substr(at, end - at);
    name.erase(0, name.find_first_not_of(' '));
    name.erase(name.find_last_not_of(' ') + 1);
    if (!name.empty()) sync.standbys.push_back(std::move(name));
    at = end + 1;
  }
  const auto quorum = unsigned_at(*value, "quorum").value_or(0);
  sync.quorum = static_cast<int>(std::min<std::uint64_t>(quorum, std::numeric_limits<int>::max()));
  sync.timeline = timeline_at(*value);
  return sync;
}

std::optional<std::map<std::string, std::string>> parse_failsafe(std::string_view text) {
  const auto value = parse_object(text);
  if (!value) return std::nullopt;
  std::map<std::string, std::string> members;
  for (const auto& item : value->items()) {
    if (item.value().is_string()) members[item.key()] = item.value().get<std::string>();
  }
  return members;
}

void put_failover(core::ClusterView& view, const RawKey& raw) {
  auto request = parse_failover(raw.value);
  request.revision = raw.mod_revision;
  view.failover_revision = raw.mod_revision;
  // Patroni ends a request by writing `{}`.
  const bool empty = request.leader.empty() && request.candidate.empty();
  view.failover = empty ? std::nullopt : std::optional(std::move(request));
}

void put_optime(core::ClusterView& view, const RawKey& raw) {
  // This key is used only if the leader is too old to write the key `status`.
  if (view.status && view.status->revision != 0) return;
  view.status = parse_status(raw.value);
}

}  // namespace

void apply_put(core::ClusterView& view, std::string_view key, const RawKey& raw) {
  if (key == "leader") {
    view.leader = core::Leader{raw.value, raw.mod_revision, raw.create_revision, raw.lease};
  } else if (key.starts_with(members_prefix)) {
    const auto name = key.substr(members_prefix.size());
    if (name.empty() || name.contains('/')) return;
    auto member = parse_member(name, raw.value);
    member.revision = raw.mod_revision;
    member.lease = raw.lease;
    view.members[std::string(name)] = std::move(member);
  } else if (key == "initialize") {
    view.initialize = raw.value;
    view.initialize_revision = raw.mod_revision;
    view.initialize_lease = raw.lease;
  } else if (key == "config") {
    view.config_json = raw.value;
    view.config_revision = raw.mod_revision;
  } else if (key == "failover") {
    put_failover(view, raw);
  } else if (key == "history") {
    view.history = parse_history(raw.value);
    view.history_revision = raw.mod_revision;
  } else if (key == "status") {
    view.status = parse_status(raw.value);
    view.status->revision = raw.mod_revision;
  } else if (key == legacy_optime_key) {
    put_optime(view, raw);
  } else if (key == "sync") {
    view.sync = parse_sync(raw.value);
    view.sync->revision = raw.mod_revision;
  } else if (key == "failsafe") {
    view.failsafe = parse_failsafe(raw.value);
  }
}

void apply_delete(core::ClusterView& view, std::string_view key) {
  if (key == "leader") {
    view.leader.reset();
  } else if (key.starts_with(members_prefix)) {
    view.members.erase(std::string(key.substr(members_prefix.size())));
  } else if (key == "initialize") {
    view.initialize.reset();
    view.initialize_revision = 0;
    view.initialize_lease = {};
  } else if (key == "config") {
    view.config_json.reset();
    view.config_revision = 0;
  } else if (key == "failover") {
    view.failover.reset();
    view.failover_revision = 0;
  } else if (key == "history") {
    view.history.reset();
    view.history_revision = 0;
  } else if (key == "status") {
    view.status.reset();
  } else if (key == legacy_optime_key) {
    if (view.status && view.status->revision == 0) view.status.reset();
  } else if (key == "sync") {
    view.sync.reset();
  } else if (key == "failsafe") {
    view.failsafe.reset();
  }
}

std::string status_json(const core::Status& status) {
  Json data = {{"optime", status.optime.value_or(0)}};
  if (!status.slots.empty()) {
    Json slots = Json::object();
    for (const auto& [name, lsn] : status.slots) slots[name] = lsn;
    data["slots"] = std::move(slots);
  }
  if (!status.retain_slots.empty()) data["retain_slots"] = status.retain_slots;
  put_timeline(data, status.timeline);
  for (const auto& [name, missed_at] : status.members) {
    data["members"][name] = missed_at == 0 ? Json(nullptr) : Json(missed_at);
  }
  return dump_compact(data);
}

std::string history_json(const std::vector<core::HistoryLine>& lines) {
  Json data = Json::array();
  for (const auto& line : lines) {
    Json entry = Json::array({line.timeline, line.lsn, line.reason});
    if (!line.timestamp.empty() || !line.new_leader.empty()) entry.push_back(line.timestamp);
    if (!line.new_leader.empty()) entry.push_back(line.new_leader);
    data.push_back(std::move(entry));
  }
  return dump_compact(data);
}

std::string failover_json(const core::FailoverRequest& request) {
  Json data = Json::object();
  if (!request.leader.empty()) data["leader"] = request.leader;
  if (!request.candidate.empty()) data["member"] = request.candidate;
  if (request.scheduled_at) data["scheduled_at"] = format_iso(*request.scheduled_at);
  if (request.force) data["force"] = true;
  return dump_compact(data);
}

core::FailoverRequest parse_failover(std::string_view json) {
  core::FailoverRequest request;
  const auto value = parse_json(json);
  if (!value) {  // "leader:candidate", an old form that operators typed
    if (json.empty() || json.size() > 1024 || json.find_first_of("{}[]\"\n") != json.npos) return request;
    const auto colon = json.find(':');
    request.leader = json.substr(0, colon);
    if (colon != json.npos) request.candidate = json.substr(colon + 1, json.find(':', colon + 1) - colon - 1);
    return request;
  }
  request.leader = text_at(*value, "leader");
  request.candidate = text_at(*value, "member");
  if (const auto* force = find(*value, "force")) request.force = to_bool(*force).value_or(false);
  const auto schedule = text_at(*value, "scheduled_at");
  if (schedule.empty()) return request;
  const auto time = parse_iso(schedule);
  if (!time) return {};  // the time cannot be read, and the operator would not expect a switchover at once
  request.scheduled_at = time->time;
  return request;
}

std::string sync_json(const core::SyncState& sync) {
  auto standbys = sync.standbys;
  std::ranges::sort(standbys);
  std::string names;
  for (const auto& name : standbys) names += (names.empty() ? "" : ",") + name;
  Json data = {{"leader", or_null(sync.leader)}, {"quorum", sync.quorum}, {"sync_standby", or_null(names)}};
  put_timeline(data, sync.timeline);
  return dump_compact(data);
}

std::string failsafe_json(const std::map<std::string, std::string>& members) {
  Json data = Json::object();
  for (const auto& [name, api_url] : members) data[name] = api_url;
  return dump_compact(data);
}

}  // namespace tamada::wire
