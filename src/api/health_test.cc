#include "api/health.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "api/request_target.h"
#include "api/status.h"
#include "api/test_snapshot.h"

namespace tamada::api {
namespace {

using namespace test;

int check(const Snapshot& snapshot, std::string_view target, core::Duration now = noon) {
  const auto split = split_target(target);
  return health(snapshot, at(now), split.path, split.query);
}

// The statuses that a leader and a replica of Patroni answered, with synchronous mode off.
TEST(Health, LeaderAndReplicaAsCaptured) {
  struct Row {
    const char* target;
    int leader, replica;
  };
  const Row rows[] = {
      {"/", 200, 503},
      {"/primary", 200, 503},
      {"/read-write", 200, 503},
      {"/master", 200, 503},
      {"/leader", 200, 503},
      {"/standby-leader", 503, 503},
      {"/standby_leader", 503, 503},
      {"/replica", 503, 200},
      {"/replica?lag=1024KB", 503, 200},
      {"/replica?lag=1", 503, 200},
      {"/replica?lag=abc", 503, 200},
      {"/read-only", 200, 200},
      {"/sync", 503, 503},
      {"/synchronous", 503, 503},
      {"/async", 503, 200},
      {"/asynchronous", 503, 200},
      {"/quorum", 503, 503},
      {"/read-only-sync", 200, 503},
      {"/read-only-quorum", 200, 503},
      {"/health", 200, 200},
      {"/liveness", 200, 200},
      {"/readiness", 200, 200},
      {"/replica?replication_state=streaming", 503, 200},
      {"/replica?replication_state=in+archive%20recovery", 503, 503},
      {"/replica?tag_x=1", 503, 503},
      {"/leader?tag_x=1", 200, 503},
      {"/read-only?tag_x=1", 503, 503},
      {"/nosuch", 503, 503},
      {"/my-replica", 503, 200},
      {"/my-primary/x", 200, 503},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(check(leader(), row.target), row.leader) << row.target;
    EXPECT_EQ(check(replica(), row.target), row.replica) << row.target;
  }
}

struct Case {
  const char* what;
  std::function<void(Snapshot&)> change;
  const char* target;
  int status;
};

void expect_all(const Snapshot& base, const std::vector<Case>& cases) {
  for (const auto& c : cases) {
    auto snapshot = base;
    c.change(snapshot);
    EXPECT_EQ(check(snapshot, c.target), c.status) << c.what << ": " << c.target;
  }
}

void lag_of_100_bytes(Snapshot& s) { s.seen.postgres.sql->replay_lsn = *s.seen.cluster.status->optime - 100; }

TEST(Health, Replica) {
  const auto tag = [](const char* name, const char* value) {
    return [=](Snapshot& s) { s.seen.settings.tags.published = {{name, value}}; };
  };
  expect_all(replica(),
             {{"noloadbalance", [](Snapshot& s) { s.seen.settings.tags.noloadbalance = true; }, "/replica", 503},
              {"noloadbalance", [](Snapshot& s) { s.seen.settings.tags.noloadbalance = true; }, "/read-only", 503},
              {"noloadbalance", [](Snapshot& s) { s.seen.settings.tags.noloadbalance = true; }, "/health", 200},
              {"lagging", lag_of_100_bytes, "/replica?lag=99", 503},
              {"lagging", lag_of_100_bytes, "/replica?lag=100", 200},
              {"lagging", lag_of_100_bytes, "/replica?lag=1kB", 200},
              {"lagging", lag_of_100_bytes, "/async?lag=10", 503},
              {"lagging", lag_of_100_bytes, "/replica", 200},
              {"tag text", tag("zone", R"("a")"), "/replica?tag_zone=a", 200},
              {"tag text", tag("zone", R"("A")"), "/replica?tag_zone=a", 503},
              {"tag number", tag("n", "1"), "/replica?tag_n=1", 200},
              {"tag boolean", tag("clonefrom", "true"), "/replica?tag_clonefrom=true", 200},
              {"tag boolean", tag("clonefrom", "true"), "/replica?tag_clonefrom=True", 503},
              {"other tag", tag("zone", R"("a")"), "/replica?tag_zone=a&tag_b=1", 503},
              {"no value", tag("zone", R"("a")"), "/replica?tag_b=", 200},
              {"server down", [](Snapshot& s) { s.seen.postgres.sql.reset(); }, "/replica", 503},
              {"server down", [](Snapshot& s) { s.seen.postgres.sql.reset(); }, "/health", 503},
              {"stopped", [](Snapshot& s) { s.state = "stopped"; }, "/health", 503}});
}

TEST(Health, SynchronousStandbys) {
  const auto named = [](const char* mode) {
    return [=](Snapshot& s) {
      s.seen.cluster.config_json = std::string(R"({"synchronous_mode":)") + mode + "}";
      s.seen.cluster.sync = core::SyncState{"n0", {"N1"}, 0, 3};
    };
  };
  const auto dcs_down = [&](Snapshot& s) {
    named("true")(s);
    s.seen.dcs = {.ok = false, .failing_since = at(noon - 11s)};
  };
  expect_all(replica(), {{"sync", named("true"), "/sync", 200},
                         {"sync", named("true"), "/synchronous", 200},
                         {"sync", named("true"), "/async", 503},
                         {"sync", named("true"), "/quorum", 503},
                         {"sync", named("true"), "/read-only-sync", 200},
                         {"sync", named("true"), "/read-only-quorum", 503},
                         {"quorum", named("\"quorum\""), "/quorum", 200},
                         {"quorum", named("\"quorum\""), "/sync", 503},
                         {"quorum", named("\"quorum\""), "/async", 503},
                         {"quorum", named("\"quorum\""), "/read-only-quorum", 200},
                         {"mode off", named("false"), "/sync", 503},
                         {"mode off", named("false"), "/async", 200},
                         {"DCS down", dcs_down, "/sync", 503},
                         {"DCS down", dcs_down, "/async", 503},
                         {"DCS down", dcs_down, "/replica", 200}});
}

TEST(Health, LeadershipEndsWithTheLease) {
  EXPECT_EQ(check(leader(), "/primary", noon + 24s), 200);
  EXPECT_EQ(check(leader(), "/primary", noon + 25s), 503);
  EXPECT_EQ(check(leader(), "/read-only", noon + 25s), 503);
  expect_all(leader(),
             {{"handing over", [](Snapshot& s) { s.decision.memory.hand_over.why = "switchover"; }, "/primary", 503},
              {"other's key", [](Snapshot& s) { s.seen.cluster.leader->name = "n1"; }, "/primary", 503},
              {"older lease", [](Snapshot& s) { s.seen.cluster.leader->lease = core::LeaseId("99"); }, "/primary", 503},
              {"crash recovery", [](Snapshot& s) { s.seen.postgres.sql.reset(); }, "/primary", 200}});
}

TEST(Health, StandbyCluster) {
  auto snapshot = replica("n0");
  snapshot.role = "standby_leader";
  snapshot.seen.lease.id = core::LeaseId("100");
  snapshot.seen.cluster.config_json = R"({"standby_cluster":{"host":"other"}})";
  for (const auto& [target, status] : std::vector<std::pair<const char*, int>>{{"/standby-leader", 200},
                                                                               {"/leader", 200},
                                                                               {"/primary", 503},
                                                                               {"/replica", 503},
                                                                               {"/read-only", 200},
                                                                               {"/readiness", 200}})
    EXPECT_EQ(check(snapshot, target), status) << target;
}

TEST(Health, InPauseWithoutDcsTheRoleOfTheServerCounts) {
  auto snapshot = leader();
  snapshot.seen.cluster.config_json = R"({"pause":true})";
  snapshot.seen.dcs = {.ok = false, .failing_since = at(noon)};
  EXPECT_EQ(check(snapshot, "/primary", noon + 60s), 200);
  snapshot.seen.cluster.config_json = "{}";
  EXPECT_EQ(check(snapshot, "/primary", noon + 60s), 503);
}

TEST(Health, Liveness) {
  EXPECT_EQ(check(leader(), "/liveness", noon + 29s), 200);
  EXPECT_EQ(check(leader(), "/liveness", noon + 30s), 503);
  EXPECT_EQ(check(replica(), "/liveness", noon + 59s), 200);
  EXPECT_EQ(check(replica(), "/liveness", noon + 60s), 503);
  auto paused = leader();
  paused.seen.cluster.config_json = R"({"pause":true})";
  EXPECT_EQ(check(paused, "/liveness", noon + 1h), 200);
  EXPECT_EQ(check(Snapshot{}, "/liveness"), 200) << "no cycle has ended yet";
}

TEST(Health, Readiness) {
  const auto behind = [](Snapshot& s) {
    s.seen.postgres.sql->replay_lsn = 10;
    s.seen.postgres.sql->receive_lsn = s.seen.cluster.status->optime;
  };
  expect_all(replica(),
             {{"apply lag", behind, "/readiness", 503},
              {"apply lag", behind, "/readiness?lag=1GB", 200},
              {"apply lag", behind, "/readiness?mode=write", 200},
              {"archive", [](Snapshot& s) { s.seen.postgres.sql->replication_state = "in archive recovery"; },
               "/readiness", 503},
              {"starting", [](Snapshot& s) { s.state = "starting"; }, "/readiness", 503},
              {"DCS down", [](Snapshot& s) { s.seen.dcs = {.ok = false, .failing_since = at(noon - 10s)}; },
               "/readiness", 503}});
}

TEST(Health, NextChangeOfTheSameSnapshot) {
  EXPECT_EQ(answers_change_at(leader(), at(noon)), at(noon + 25s));
  EXPECT_EQ(answers_change_at(leader(), at(noon + 25s)), at(noon + 30s));
  EXPECT_EQ(answers_change_at(leader(), at(noon + 30s)), core::Instant::max());
}

}  // namespace
}  // namespace tamada::api
