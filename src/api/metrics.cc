#include "api/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/status.h"
#include "wire/keys.h"
#include "wire/python_json.h"

namespace tamada::api {
namespace {

// Patroni's states with their numbers, which operators' dashboards rely on.
struct StateNumber {
  std::string_view state, name;
};
constexpr std::array<StateNumber, 15> states{{{"initializing new cluster", "initdb"},
                                              {"initdb failed", "initdb_failed"},
                                              {"running custom bootstrap script", "custom_bootstrap"},
                                              {"custom bootstrap failed", "custom_bootstrap_failed"},
                                              {"creating replica", "creating_replica"},
                                              {"running", "running"},
                                              {"starting", "starting"},
                                              {"starting after custom bootstrap", "bootstrap_starting"},
                                              {"start failed", "start_failed"},
                                              {"restarting", "restarting"},
                                              {"restart failed", "restart_failed"},
                                              {"stopping", "stopping"},
                                              {"stopped", "stopped"},
                                              {"stop failed", "stop_failed"},
                                              {"crashed", "crashed"}}};

int state_number(std::string_view state) {
  const auto it = std::ranges::find(states, state, &StateNumber::state);
  return it == states.end() ? -1 : static_cast<int>(it - states.begin());
}

std::string state_legend() {
  std::string out;
  for (std::size_t i = 0; i < states.size(); ++i) out += fmt::format("{}{}={}", i == 0 ? "" : ", ", i, states[i].name);
  return out;
}

// "4.1.4" -> "040104"
std::string padded_version() {
  std::string out, part;
  for (const char c : std::string(patroni_version) + ".") {
    if (c != '.') {
      part += c;
      continue;
    }
    out += std::string(part.size() < 2 ? 2 - part.size() : 0, '0') + part;
    part.clear();
  }
  return out;
}

// Seconds since the epoch as Python prints them: 0 if the time is unknown, otherwise a float that always has a point.
std::string epoch_seconds(const std::string& iso) {
  const auto parsed = iso.empty() ? std::nullopt : wire::parse_iso(iso);
  if (!parsed) return "0";
  return wire::python_float(static_cast<double>(parsed->time.time_since_epoch().count()) / 1e6);
}

class Page : public MetricsPage {
 public:
  using MetricsPage::MetricsPage;
  template <class T>
  void gauge(std::string_view name, std::string_view help, const T& value) {
    add("gauge", fmt::format("patroni_{}", name), help, value);
  }
  void flag(std::string_view name, std::string_view help, bool value) { gauge(name, help, value ? 1 : 0); }
  template <class T>
  void counter(std::string_view name, std::string_view help, const T& value) {
    add("counter", fmt::format("patroni_{}", name), help, value);
  }
};

void add_postgres(Page& page, const Status& s) {
  const bool primary = s.sql && !s.sql->in_recovery;
  page.flag("postgres_running", "Value is 1 if Postgres is running, 0 otherwise.", s.running());
  page.gauge("postmaster_start_time", "Epoch seconds since Postgres started.",
             epoch_seconds(s.sql ? s.sql->postmaster_start_time : ""));
  page.flag("primary", "Value is 1 if this node is the leader, 0 otherwise.", s.role == "primary");
  page.counter("xlog_location", "Current location of the Postgres transaction log, 0 if this node is not the leader.",
               primary ? s.sql->wal_lsn : 0);
  page.flag("standby_leader", "Value is 1 if this node is the standby_leader, 0 otherwise.",
            s.role == "standby_leader");
  page.flag("replica", "Value is 1 if this node is a replica, 0 otherwise.", s.role == "replica");
  page.flag("sync_standby", "Value is 1 if this node is a sync standby, 0 otherwise.", s.sync_standby);
  page.flag("quorum_standby", "Value is 1 if this node is a quorum standby, 0 otherwise.", s.quorum_standby);
}

void add_replication(Page& page, const Status& s) {
  const bool standby = s.sql && s.sql->in_recovery;
  page.counter("xlog_received_location",
               "Current location of the received Postgres transaction log, 0 if this node is not a replica.",
               s.received());
  page.counter("xlog_replayed_location",
               "Current location of the replayed Postgres transaction log, 0 if this node is not a replica.",
               s.replayed());
  page.gauge("xlog_replayed_timestamp", "Current timestamp of the replayed Postgres transaction log, 0 if null.",
             epoch_seconds(standby ? s.sql->replay_timestamp : ""));
  page.flag("xlog_paused", "Value is 1 if the Postgres xlog is paused, 0 otherwise.", standby && s.sql->replay_paused);
  if (!s.sql) return;
  page.flag("postgres_streaming", "Value is 1 if Postgres is streaming, 0 otherwise.",
            s.sql->replication_state == "streaming");
  page.flag("postgres_in_archive_recovery", "Value is 1 if Postgres is replicating from archive, 0 otherwise.",
            s.sql->replication_state == "in archive recovery");
}

void add_cluster(Page& page, const Snapshot& snapshot, const Status& s, const Identity& identity) {
  const auto& seen = snapshot.seen;
  const auto& failsafe = seen.cluster.failsafe;
  page.gauge("postgres_server_version", "Version of Postgres (if running), 0 otherwise.",
             s.sql ? seen.postgres.server_version : 0);
  page.flag("cluster_unlocked", "Value is 1 if the cluster is unlocked, 0 if locked.", s.cluster_unlocked);
  page.flag("failsafe_mode_is_active", "Value is 1 if failsafe mode is active, 0 if inactive.", s.failsafe_active);
  page.flag("failsafe_mode_enabled", "Value is 1 if failsafe_mode is enabled, 0 otherwise.",
            seen.settings.failsafe_mode);
  page.flag("failsafe_member", "Value is 1 if this node is a member of failsafe, 0 otherwise.",
            failsafe && failsafe->contains(identity.name));
  page.gauge("postgres_timeline", "Postgres timeline of this node (if running), 0 otherwise.",
             s.sql ? s.sql->timeline : 0);
  page.gauge("dcs_last_seen", "Epoch timestamp when DCS was last contacted successfully by Patroni.",
             snapshot.dcs_last_seen);
  page.flag("pending_restart", "Value is 1 if the node needs a restart, 0 otherwise.",
            seen.postgres.sql && !seen.postgres.sql->pending_restart.empty());
  page.flag("is_paused", "Value is 1 if auto failover is disabled, 0 otherwise.", s.pause);
  page.gauge("postgres_state", "Numeric representation of Postgres state.\n# Values: " + state_legend(),
             state_number(s.state));
  const auto& tags = seen.settings.tags;
  page.gauge("failover_priority", "Failover priority of this node.", tags.nofailover ? 0 : tags.failover_priority);
}

}  // namespace

std::string metrics_text(const Snapshot& snapshot, core::Instant now, const Identity& identity, const Journal& journal,
                         const Telemetry& telemetry) {
  const auto status = status_of(snapshot, now);
  Page page(identity);
  page.gauge("version", "Patroni semver without periods.", padded_version());
  add_postgres(page, status);
  add_replication(page, status);
  add_cluster(page, snapshot, status, identity);
  add_own_metrics(page, snapshot, now, journal, telemetry);
  return page.take();
}

}  // namespace tamada::api
