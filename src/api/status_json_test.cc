#include "api/status_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/errors.h"
#include "api/metrics.h"
#include "api/test_snapshot.h"
#include "wire/python_json.h"

namespace tamada::api {
namespace {

using namespace test;

std::string text_of(const Snapshot& snapshot) {
  return wire::dump_python(status_json(snapshot, snapshot.seen.now, {"demo", snapshot.seen.self}));
}

// The expected texts are Patroni 4.1.4's answers, byte for byte.
std::string patronis_metrics(const Snapshot& snapshot, const char* name) {
  const auto text = metrics_text(snapshot, at(noon), {"demo", name}, Journal(), Telemetry());
  return text.substr(0, text.find("# HELP tamada_"));
}

TEST(StatusJson, OfTheLeader) {
  EXPECT_EQ(
      text_of(leader()),
      R"j({"state": "running", "postmaster_start_time": "2026-11-22 22:25:03.912866+00:00", "role": "primary", "server_version": 150020, "xlog": {"location": 67109000}, "timeline": 1, "replication": [{"usename": "replicator", "application_name": "n2", "client_addr": "127.0.0.1", "state": "streaming", "sync_state": "sync", "sync_priority": 1}, {"usename": "replicator", "application_name": "n1", "client_addr": "127.0.0.1", "state": "streaming", "sync_state": "async", "sync_priority": 0}], "dcs_last_seen": 1795386324, "database_system_identifier": "7711125456257864299", "patroni": {"version": "4.1.4", "scope": "demo", "name": "n0"}})j");
}

TEST(StatusJson, OfAReplica) {
  EXPECT_EQ(
      text_of(replica()),
      R"j({"state": "running", "postmaster_start_time": "2026-11-22 22:25:06.551890+00:00", "role": "replica", "server_version": 150020, "xlog": {"received_location": 67109000, "replayed_location": 67109000, "replayed_timestamp": "2026-11-22 22:25:24.493315+00:00", "paused": false}, "timeline": 1, "replication_state": "streaming", "dcs_last_seen": 1795386324, "database_system_identifier": "7711125456257864299", "patroni": {"version": "4.1.4", "scope": "demo", "name": "n1"}})j");
}

TEST(StatusJson, TellsHowLongAgoTheDcsAnswered) {
  auto snapshot = replica();
  snapshot.dcs_last_ok = snapshot.seen.now - 31s;
  EXPECT_EQ(status_json(snapshot, snapshot.seen.now + 2s, {"demo", "n1"})["dcs_last_seen_ago"], 33);
}

TEST(StatusJson, OptionalMembers) {
  auto snapshot = replica();
  auto& seen = snapshot.seen;
  seen.cluster.config_json = R"({"pause":true,"synchronous_mode":true})";
  seen.cluster.sync = core::SyncState{"n0", {"n1"}, 0, 3};
  seen.cluster.leader.reset();
  seen.settings.tags.published = {{"zone", R"("a")"}, {"clonefrom", "true"}};
  seen.postgres.sql->pending_restart = {{"max_connections", R"({"old_value":"100","new_value":"101"})"}};
  seen.requests.scheduled_restart.emplace().json =
      R"({"schedule":"2099-01-01T00:00:00+00:00","postmaster_start_time":"x"})";
  seen.postgres.sql->replay_timestamp.clear();
  EXPECT_EQ(
      text_of(snapshot),
      R"j({"state": "running", "postmaster_start_time": "2026-11-22 22:25:06.551890+00:00", "role": "replica", )j"
      R"j("server_version": 150020, "xlog": {"received_location": 67109000, "replayed_location": 67109000, )j"
      R"j("replayed_timestamp": null, "paused": false}, "sync_standby": true, "timeline": 1, )j"
      R"j("replication_state": "streaming", "pause": true, "cluster_unlocked": true, "dcs_last_seen": 1795386324, )j"
      R"j("tags": {"zone": "a", "clonefrom": true}, "database_system_identifier": "7711125456257864299", )j"
      R"j("pending_restart": true, "pending_restart_reason": {"max_connections": {"old_value": "100", )j"
      R"j("new_value": "101"}}, "patroni": {"version": "4.1.4", "scope": "demo", "name": "n1"}, )j"
      R"j("scheduled_restart": {"schedule": "2099-01-01T00:00:00+00:00"}})j");
}

// Found by simulation (seed 80021785): all keys were deleted while the holder of the leader key was being promoted.
TEST(StatusJson, AHolderOfTheKeyThatIsNotPromotedYetSaysSo) {
  auto snapshot = replica();
  EXPECT_FALSE(text_of(snapshot).contains("about_to_lead"));
  auto& seen = snapshot.seen;
  seen.lease = {.id = core::LeaseId("7"),
                .ttl = 30s,
                .deadline = seen.now + 20s,
                .attempted_at = seen.now,
                .confirmed_at = seen.now};
  seen.cluster.leader =
      core::Leader{.name = seen.self, .revision = 5, .create_revision = 5, .lease = core::LeaseId("7")};
  EXPECT_TRUE(text_of(snapshot).contains(R"("about_to_lead": true)"));
}

TEST(StatusJson, WithoutAServer) {
  auto snapshot = replica();
  snapshot.seen.postgres.sql.reset();
  EXPECT_EQ(text_of(snapshot), R"j({"state": "unknown", "role": "replica", "dcs_last_seen": 1795386324, )j"
                               R"j("database_system_identifier": "7711125456257864299", )j"
                               R"j("patroni": {"version": "4.1.4", "scope": "demo", "name": "n1"}})j");
  snapshot.state = "stopped";
  EXPECT_TRUE(text_of(snapshot).starts_with(R"({"state": "stopped", "role": "replica", )"));
}

TEST(Metrics, OfTheLeader) {
  EXPECT_EQ(patronis_metrics(leader(), "n0"), R"m(# HELP patroni_version Patroni semver without periods.
# TYPE patroni_version gauge
patroni_version{scope="demo",name="n0"} 040104
# HELP patroni_postgres_running Value is 1 if Postgres is running, 0 otherwise.
# TYPE patroni_postgres_running gauge
patroni_postgres_running{scope="demo",name="n0"} 1
# HELP patroni_postmaster_start_time Epoch seconds since Postgres started.
# TYPE patroni_postmaster_start_time gauge
patroni_postmaster_start_time{scope="demo",name="n0"} 1795386303.912866
# HELP patroni_primary Value is 1 if this node is the leader, 0 otherwise.
# TYPE patroni_primary gauge
patroni_primary{scope="demo",name="n0"} 1
# HELP patroni_xlog_location Current location of the Postgres transaction log, 0 if this node is not the leader.
# TYPE patroni_xlog_location counter
patroni_xlog_location{scope="demo",name="n0"} 67109000
# HELP patroni_standby_leader Value is 1 if this node is the standby_leader, 0 otherwise.
# TYPE patroni_standby_leader gauge
patroni_standby_leader{scope="demo",name="n0"} 0
# HELP patroni_replica Value is 1 if this node is a replica, 0 otherwise.
# TYPE patroni_replica gauge
patroni_replica{scope="demo",name="n0"} 0
# HELP patroni_sync_standby Value is 1 if this node is a sync standby, 0 otherwise.
# TYPE patroni_sync_standby gauge
patroni_sync_standby{scope="demo",name="n0"} 0
# HELP patroni_quorum_standby Value is 1 if this node is a quorum standby, 0 otherwise.
# TYPE patroni_quorum_standby gauge
patroni_quorum_standby{scope="demo",name="n0"} 0
# HELP patroni_xlog_received_location Current location of the received Postgres transaction log, 0 if this node is not a replica.
# TYPE patroni_xlog_received_location counter
patroni_xlog_received_location{scope="demo",name="n0"} 0
# HELP patroni_xlog_replayed_location Current location of the replayed Postgres transaction log, 0 if this node is not a replica.
# TYPE patroni_xlog_replayed_location counter
patroni_xlog_replayed_location{scope="demo",name="n0"} 0
# HELP patroni_xlog_replayed_timestamp Current timestamp of the replayed Postgres transaction log, 0 if null.
# TYPE patroni_xlog_replayed_timestamp gauge
patroni_xlog_replayed_timestamp{scope="demo",name="n0"} 0
# HELP patroni_xlog_paused Value is 1 if the Postgres xlog is paused, 0 otherwise.
# TYPE patroni_xlog_paused gauge
patroni_xlog_paused{scope="demo",name="n0"} 0
# HELP patroni_postgres_streaming Value is 1 if Postgres is streaming, 0 otherwise.
# TYPE patroni_postgres_streaming gauge
patroni_postgres_streaming{scope="demo",name="n0"} 0
# HELP patroni_postgres_in_archive_recovery Value is 1 if Postgres is replicating from archive, 0 otherwise.
# TYPE patroni_postgres_in_archive_recovery gauge
patroni_postgres_in_archive_recovery{scope="demo",name="n0"} 0
# HELP patroni_postgres_server_version Version of Postgres (if running), 0 otherwise.
# TYPE patroni_postgres_server_version gauge
patroni_postgres_server_version{scope="demo",name="n0"} 150020
# HELP patroni_cluster_unlocked Value is 1 if the cluster is unlocked, 0 if locked.
# TYPE patroni_cluster_unlocked gauge
patroni_cluster_unlocked{scope="demo",name="n0"} 0
# HELP patroni_failsafe_mode_is_active Value is 1 if failsafe mode is active, 0 if inactive.
# TYPE patroni_failsafe_mode_is_active gauge
patroni_failsafe_mode_is_active{scope="demo",name="n0"} 0
# HELP patroni_failsafe_mode_enabled Value is 1 if failsafe_mode is enabled, 0 otherwise.
# TYPE patroni_failsafe_mode_enabled gauge
patroni_failsafe_mode_enabled{scope="demo",name="n0"} 0
# HELP patroni_failsafe_member Value is 1 if this node is a member of failsafe, 0 otherwise.
# TYPE patroni_failsafe_member gauge
patroni_failsafe_member{scope="demo",name="n0"} 0
# HELP patroni_postgres_timeline Postgres timeline of this node (if running), 0 otherwise.
# TYPE patroni_postgres_timeline gauge
patroni_postgres_timeline{scope="demo",name="n0"} 1
# HELP patroni_dcs_last_seen Epoch timestamp when DCS was last contacted successfully by Patroni.
# TYPE patroni_dcs_last_seen gauge
patroni_dcs_last_seen{scope="demo",name="n0"} 1795386324
# HELP patroni_pending_restart Value is 1 if the node needs a restart, 0 otherwise.
# TYPE patroni_pending_restart gauge
patroni_pending_restart{scope="demo",name="n0"} 0
# HELP patroni_is_paused Value is 1 if auto failover is disabled, 0 otherwise.
# TYPE patroni_is_paused gauge
patroni_is_paused{scope="demo",name="n0"} 0
# HELP patroni_postgres_state Numeric representation of Postgres state.
# Values: 0=initdb, 1=initdb_failed, 2=custom_bootstrap, 3=custom_bootstrap_failed, 4=creating_replica, 5=running, 6=starting, 7=bootstrap_starting, 8=start_failed, 9=restarting, 10=restart_failed, 11=stopping, 12=stopped, 13=stop_failed, 14=crashed
# TYPE patroni_postgres_state gauge
patroni_postgres_state{scope="demo",name="n0"} 5
# HELP patroni_failover_priority Failover priority of this node.
# TYPE patroni_failover_priority gauge
patroni_failover_priority{scope="demo",name="n0"} 1
)m");
}

TEST(Metrics, OfAStoppedReplica) {
  auto snapshot = replica();
  snapshot.seen.postgres.sql.reset();
  snapshot.state = "stopped";
  const auto text = patronis_metrics(snapshot, "n1");
  EXPECT_NE(text.find("\npatroni_postmaster_start_time{scope=\"demo\",name=\"n1\"} 0\n"), text.npos);
  EXPECT_NE(text.find("\npatroni_postgres_state{scope=\"demo\",name=\"n1\"} 12\n"), text.npos);
  EXPECT_EQ(text.find("patroni_postgres_streaming{"), text.npos);
}

TEST(ErrorPage, AsPythonsHttpServer) {
  EXPECT_EQ(unsupported_method("POST").body, R"e(<!DOCTYPE HTML>
<html lang="en">
    <head>
        <meta charset="utf-8">
        <title>Error response</title>
    </head>
    <body>
        <h1>Error response</h1>
        <p>Error code: 501</p>
        <p>Message: Unsupported method ('POST').</p>
        <p>Error code explanation: 501 - Server does not support this operation.</p>
    </body>
</html>
)e");
  EXPECT_EQ(unsupported_method("<b>").status, 501);
  EXPECT_NE(unsupported_method("<b>").body.find("('&lt;b&gt;')"), std::string::npos);
}

TEST(Metrics, OurOwn) {
  auto snapshot = leader();
  Journal journal;
  snapshot.decision.rule = "leader";
  journal.look(snapshot);
  journal.look(snapshot);
  Telemetry telemetry;
  telemetry.dcs_requests["txn"].observe(3ms);
  telemetry.dcs_requests["txn"].observe(10s);
  telemetry.dcs_errors["txn"] = 1;
  const auto text = metrics_text(snapshot, at(noon), {"demo", "n0"}, journal, telemetry);
  for (const char* line :
       {R"(tamada_lease_margin_seconds{scope="demo",name="n0"} 25)",
        R"(tamada_decisions_total{scope="demo",name="n0",rule="leader"} 2)",
        R"(tamada_dcs_request_duration_seconds_bucket{scope="demo",name="n0",operation="txn",le="0.0025"} 0)",
        R"(tamada_dcs_request_duration_seconds_bucket{scope="demo",name="n0",operation="txn",le="0.005"} 1)",
        R"(tamada_dcs_request_duration_seconds_bucket{scope="demo",name="n0",operation="txn",le="+Inf"} 2)",
        R"(tamada_dcs_request_duration_seconds_count{scope="demo",name="n0",operation="txn"} 2)",
        R"(tamada_dcs_request_errors_total{scope="demo",name="n0",operation="txn"} 1)",
        R"(tamada_loop_lag_seconds_count{scope="demo",name="n0"} 0)"}) {
    EXPECT_NE(text.find(std::string(line) + "\n"), text.npos) << line;
  }
  EXPECT_EQ(text.find("tamada_last_failover"), text.npos) << "there was no failover";
}

}  // namespace
}  // namespace tamada::api
