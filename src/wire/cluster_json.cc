#include "wire/cluster_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "core/sync.h"
#include "wire/json.h"
#include "wire/keys.h"
#include "wire/member.h"

namespace tamada::wire {
namespace {

std::string lower(std::string_view text) {
  std::string low(text);
  std::ranges::transform(low, low.begin(), [](unsigned char c) { return c < 128 ? std::tolower(c) : c; });
  return low;
}

bool is_truthy(const Json& value) {
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  if (value.is_number()) return value != 0;
  return !value.is_null() && value != false;
}

std::string role_of(const core::ClusterView& view, const ClusterModes& modes, const core::Member& member) {
  if (view.leader && view.leader->name == member.name) return modes.standby_cluster ? "standby_leader" : "leader";
  if (modes.synchronous && core::is_sync_standby(view, member.name))
    return modes.quorum ? "quorum_standby" : "sync_standby";
  return "replica";
}

void add_object(Json& into, const char* key, const std::string& text) {
  if (auto value = parse_json(text)) into[key] = std::move(*value);
}

void add_tags(Json& into, const core::Tags& tags) {
  if (tags.published.empty()) return;
  Json object = Json::object();
  for (const auto& [name, text] : tags.published) add_object(object, name.c_str(), text);
  into["tags"] = std::move(object);
}

// If a member does not tell its position, the word "unknown" is shown twice, as in Patroni since 4.1.
void add_position(Json& into, const std::string& prefix, std::optional<core::Lsn> lsn, core::Lsn cluster_lsn) {
  const bool known = lsn && *lsn != 0;
  const Json unknown = "unknown";
  into[prefix + "lag"] = known ? Json(cluster_lsn > *lsn ? cluster_lsn - *lsn : 0) : unknown;
  into[prefix + "lsn"] = known ? Json(core::format_lsn(*lsn)) : unknown;
}

Json member_object(const core::ClusterView& view, const ClusterModes& modes, const core::Member& member) {
  const auto role = role_of(view, modes, member);
  const auto& state = role != "leader" && !member.replication_state.empty() ? member.replication_state : member.state;
  Json object = {{"name", member.name}, {"role", role}, {"state", state}};
  object["api_url"] = member.api_url.empty() ? Json(nullptr) : Json(member.api_url);
  if (!member.host.empty()) {
    object["host"] = member.host;
    object["port"] = integer_of(member.port).value_or(5432);
  }
  if (member.timeline) object["timeline"] = *member.timeline;
  if (member.pending_restart) object["pending_restart"] = true;
  add_object(object, "pending_restart_reason", member.pending_restart_reason_json);
  add_object(object, "scheduled_restart", member.scheduled_restart_json);
  add_tags(object, member.tags);
  if (member.copy) object["copy"] = copy_json(*member.copy);
  if (!member.trouble.empty()) object["trouble"] = member.trouble;
  if (!view.leader || view.leader->name != member.name) {
    const core::Lsn cluster_lsn = view.status ? view.status->optime.value_or(0) : 0;
    add_position(object, "receive_", member.receive_lsn, cluster_lsn);
    add_position(object, "replay_", member.replay_lsn, cluster_lsn);
    add_position(object, "", member.xlog_location, cluster_lsn);
  }
  return object;
}

}  // namespace

ClusterModes cluster_modes(const core::ClusterView& view) {
  ClusterModes modes;
  const auto config = parse_object(view.config_json.value_or(""));
  if (!config) return modes;
  const auto is_on = [&](const char* key) {
    const Json* value = find(*config, key);
    return value && to_bool(*value).value_or(false);
  };
  if (const Json* standby = find(*config, "standby_cluster")) {
    for (const char* key : {"host", "port", "restore_command"}) {
      const Json* value = find(*standby, key);
      modes.standby_cluster |= value && is_truthy(*value);
    }
  }
  modes.paused = is_on("pause");
  modes.quorum = lower(text_at(*config, "synchronous_mode")) == "quorum";
  modes.synchronous = (is_on("synchronous_mode") || modes.quorum) && !modes.standby_cluster;
  return modes;
}

Json cluster_json(const core::ClusterView& view, std::string_view scope) {
  const auto modes = cluster_modes(view);
  Json members = Json::array();
  for (const auto& [name, member] : view.members) members.push_back(member_object(view, modes, member));
  Json cluster = {{"members", std::move(members)}};
  if (modes.paused) cluster["pause"] = true;
  if (view.failover && view.failover->scheduled_at) {
    Json& switchover = cluster["scheduled_switchover"];
    switchover["at"] = format_iso(*view.failover->scheduled_at);
    if (!view.failover->leader.empty()) switchover["from"] = view.failover->leader;
    if (!view.failover->candidate.empty()) switchover["to"] = view.failover->candidate;
  }
  if (!scope.empty()) cluster["scope"] = scope;
  return cluster;
}

}  // namespace tamada::wire
