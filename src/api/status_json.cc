#include "api/status_json.h"

#include <nlohmann/json.hpp>

#include "api/json_values.h"
#include "api/status.h"
#include "core/presentation.h"
#include "core/problems.h"
#include "wire/member.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;

namespace {

// Parses JSON text from elsewhere. Invalid text becomes a plain string rather than an error.
Json parsed(const std::string& text) {
  auto value = Json::parse(text, nullptr, false);
  return value.is_discarded() ? Json(text) : value;
}

Json xlog_json(const Status& status) {
  const auto& sql = *status.sql;
  if (!sql.in_recovery) return {{"location", sql.wal_lsn}};
  return {{"received_location", status.received()},
          {"replayed_location", status.replayed()},
          {"replayed_timestamp", text_or_null(sql.replay_timestamp)},
          {"paused", sql.replay_paused}};
}

Json replication_json(const std::vector<core::ReplicationConnection>& connections) {
  auto out = Json::array();
  for (const auto& c : connections) {
    out.push_back({{"usename", text_or_null(c.usename)},
                   {"application_name", c.application_name},
                   {"client_addr", text_or_null(c.client_addr)},
                   {"state", c.state},
                   {"sync_state", c.sync_state},
                   {"sync_priority", c.sync_priority}});
  }
  return out;
}

void add_postgres(Json& out, const core::Observation& seen, const Status& status) {
  const auto& sql = *status.sql;
  out["postmaster_start_time"] = text_or_null(sql.postmaster_start_time);
  out["role"] = status.role;
  out["server_version"] = seen.postgres.server_version;
  out["xlog"] = xlog_json(status);
  if (status.quorum_standby) out["quorum_standby"] = true;
  if (status.sync_standby) out["sync_standby"] = true;
  out["timeline"] = sql.timeline;
  if (const auto start = sql.start(); start && start->timeline > 1)
    out["timeline_identity"] = core::format_start(*start);
  if (!sql.replication_state.empty()) out["replication_state"] = sql.replication_state;
  if (!sql.replication.empty()) out["replication"] = replication_json(sql.replication);
}

void add_tags(Json& out, const core::Tags& tags) {
  if (tags.published.empty()) return;
  auto& to = out["tags"] = Json::object();
  for (const auto& [name, value] : tags.published) to[name] = parsed(value);
}

void add_pending_restart(Json& out, const core::Observation& seen) {
  if (!seen.postgres.sql || seen.postgres.sql->pending_restart.empty()) return;
  out["pending_restart"] = true;
  auto& reason = out["pending_restart_reason"] = Json::object();
  for (const auto& [parameter, change] : seen.postgres.sql->pending_restart) reason[parameter] = parsed(change);
}

void add_scheduled_restart(Json& out, const core::Observation& seen) {
  if (!seen.requests.scheduled_restart) return;
  auto scheduled = parsed(seen.requests.scheduled_restart->json);
  if (!scheduled.is_object()) return;
  scheduled.erase("postmaster_start_time");
  out["scheduled_restart"] = std::move(scheduled);
}

}  // namespace

Json problems_json(const core::Problems& problems) {
  auto out = Json::array();
  for (const auto& problem : problems) out.push_back({{"kind", core::name(problem.kind)}, {"text", problem.text}});
  return out;
}

Json status_json(const Snapshot& snapshot, core::Instant now, const Identity& identity) {
  const auto status = status_of(snapshot, now);
  const auto& seen = snapshot.seen;
  Json out = {{"state", status.state}};
  if (status.sql) {
    add_postgres(out, seen, status);
  } else {
    out["role"] = status.role;
  }
  if (status.pause) out["pause"] = true;
  if (status.cluster_unlocked) out["cluster_unlocked"] = true;
  // Tells the other members that this node may be promoted at any moment, even if the leader key is lost. An addition
  // to Patroni's answer.
  const bool leads = seen.holds_leader_key() && !seen.settings.standby_cluster;
  if (leads && !seen.postgres.running_primary()) out["about_to_lead"] = true;
  if (status.failsafe_active) out["failsafe_mode_is_active"] = true;
  out["dcs_last_seen"] = snapshot.dcs_last_seen;
  // Another member cannot tell that from dcs_last_seen, because its clock may differ. An addition to Patroni's answer.
  if (snapshot.dcs_last_ok != core::Instant{}) {
    out["dcs_last_seen_ago"] = std::chrono::duration_cast<std::chrono::seconds>(now - snapshot.dcs_last_ok).count();
  }
  add_tags(out, seen.settings.tags);
  if (!seen.postgres.system_identifier.empty()) out["database_system_identifier"] = seen.postgres.system_identifier;
  add_pending_restart(out, seen);
  out["patroni"] = {{"version", patroni_version}, {"scope", identity.scope}, {"name", identity.name}};
  add_scheduled_restart(out, seen);
  if (!seen.fence.usable) out["watchdog_failed"] = true;
  if (!seen.set_aside_error.empty()) out["set_aside_failed"] = seen.set_aside_error;
  if (const auto& problems = snapshot.decision.problems; !problems.empty()) {
    out["trouble"] = core::in_one_line(problems);
    out["problems"] = problems_json(problems);
  }
  if (const auto copy = core::copy_progress(seen)) out["copy"] = wire::copy_json(*copy);
  return out;
}

}  // namespace tamada::api
