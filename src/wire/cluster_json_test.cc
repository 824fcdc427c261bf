#include "wire/cluster_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "wire/json.h"

namespace tamada::wire {
namespace {

using core::ClusterView;
using core::Member;

Member member(const std::string& name, int port, const std::string& state = "streaming") {
  Member m;
  m.name = name;
  m.api_url = "http://127.0.0.1:" + std::to_string(port + 100) + "/patroni";
  m.host = "127.0.0.1";
  m.port = std::to_string(port);
  m.state = "running";
  if (state == "streaming") {
    m.replication_state = state;
    m.xlog_location = m.receive_lsn = m.replay_lsn = 0x4000060;
  }
  m.timeline = 1;
  return m;
}

ClusterView three() {
  ClusterView view;
  view.loaded = true;
  view.config_json = R"({"synchronous_mode":true})";
  view.leader = core::Leader{.name = "n0"};
  view.members["n0"] = member("n0", 27100, "running");
  view.members["n1"] = member("n1", 27101);
  view.members["n2"] = member("n2", 27102);
  view.status = core::Status{.optime = 0x4000060};
  view.sync = core::SyncState{.leader = "n0", .standbys = {"n2"}};
  return view;
}

TEST(ClusterJson, EqualsTheCapturedAnswerOfPatroni) {
  EXPECT_EQ(
      cluster_json(three(), "demo"),
      Json::parse(
          R"({"members": [{"name": "n0", "role": "leader", "state": "running", "api_url": "http://127.0.0.1:27200/patroni", "host": "127.0.0.1", "port": 27100, "timeline": 1}, {"name": "n1", "role": "replica", "state": "streaming", "api_url": "http://127.0.0.1:27201/patroni", "host": "127.0.0.1", "port": 27101, "timeline": 1, "receive_lag": 0, "receive_lsn": "0/4000060", "replay_lag": 0, "replay_lsn": "0/4000060", "lag": 0, "lsn": "0/4000060"}, {"name": "n2", "role": "sync_standby", "state": "streaming", "api_url": "http://127.0.0.1:27202/patroni", "host": "127.0.0.1", "port": 27102, "timeline": 1, "receive_lag": 0, "receive_lsn": "0/4000060", "replay_lag": 0, "replay_lsn": "0/4000060", "lag": 0, "lsn": "0/4000060"}], "scope": "demo"})"));
}

TEST(ClusterJson, KeepsTheOrderOfKeys) {
  auto view = three();
  auto& m = view.members["n2"];
  m.pending_restart = true;
  m.pending_restart_reason_json = R"({"max_connections":{"old_value":"1","new_value":"2"}})";
  m.scheduled_restart_json = R"({"schedule":"2030-01-01T00:00:00+00:00"})";
  m.tags.published = {{"nofailover", "true"}, {"zone", "\"b\""}, {"junk", "{"}};
  std::string keys;
  for (const auto& item : cluster_json(view)["members"][2].items()) keys += item.key() + " ";
  EXPECT_EQ(keys,
            "name role state api_url host port timeline pending_restart pending_restart_reason scheduled_restart tags "
            "receive_lag receive_lsn replay_lag replay_lsn lag lsn ");
  EXPECT_EQ(cluster_json(view)["members"][2]["tags"].dump(), R"({"nofailover":true,"zone":"b"})");
  EXPECT_FALSE(cluster_json(view).contains("scope"));
}

TEST(ClusterJson, RolesFollowTheModes) {
  const struct {
    const char* config;
    const char* leader;
    const char* sync;
    bool paused;
  } cases[] = {
      {R"({})", "leader", "replica", false},
      {R"({"synchronous_mode":"on","pause":"yes"})", "leader", "sync_standby", true},
      {R"({"synchronous_mode":"Quorum","pause":1})", "leader", "quorum_standby", true},
      {R"({"synchronous_mode":true,"standby_cluster":{"host":"a"},"pause":null})", "standby_leader", "replica", false},
      {R"({"standby_cluster":{"host":"","port":0},"pause":2})", "leader", "replica", false},
      {R"([junk)", "leader", "replica", false},
  };
  for (const auto& c : cases) {
    auto view = three();
    view.config_json = c.config;
    view.sync->standbys = {"N2"};  // Patroni compares without regard to case
    const Json json = cluster_json(view);
    EXPECT_EQ(json["members"][0]["role"], c.leader) << c.config;
    EXPECT_EQ(json["members"][2]["role"], c.sync) << c.config;
    EXPECT_EQ(json.contains("pause"), c.paused) << c.config;
  }
}

TEST(ClusterJson, LagIsNeverNegativeAndMayBeTheWordUnknown) {
  auto view = three();
  view.leader.reset();
  view.members["n0"].xlog_location = 0x4000160;
  view.members["n1"].replay_lsn = 0x4000000;
  view.members["n1"].receive_lsn = 0;
  const Json json = cluster_json(view);
  EXPECT_EQ(json["members"][0]["role"], "replica");
  EXPECT_EQ(json["members"][0]["lag"], 0);
  EXPECT_EQ(json["members"][0]["lsn"], "0/4000160");
  EXPECT_EQ(json["members"][1]["replay_lag"], 0x60);
  EXPECT_EQ(json["members"][1]["receive_lag"], "unknown");
  EXPECT_EQ(json["members"][1]["receive_lsn"], "unknown");
}

TEST(ClusterJson, AMemberWithFewFields) {
  ClusterView view;
  view.members["x"].name = "x";
  EXPECT_EQ(
      cluster_json(view).dump(),
      R"({"members":[{"name":"x","role":"replica","state":"","api_url":null,"receive_lag":"unknown",)"
      R"("receive_lsn":"unknown","replay_lag":"unknown","replay_lsn":"unknown","lag":"unknown","lsn":"unknown"}]})");
}

TEST(ClusterJson, ScheduledSwitchover) {
  auto view = three();
  view.failover = core::FailoverRequest{.leader = "n0", .candidate = ""};
  EXPECT_FALSE(cluster_json(view).contains("scheduled_switchover"));
  view.failover->scheduled_at = core::WallTime(std::chrono::seconds(1900000000));
  EXPECT_EQ(cluster_json(view)["scheduled_switchover"].dump(), R"({"at":"2030-03-17T17:46:40+00:00","from":"n0"})");
  view.failover->leader.clear();
  view.failover->candidate = "n1";
  EXPECT_EQ(cluster_json(view)["scheduled_switchover"]["to"], "n1");
}

}  // namespace
}  // namespace tamada::wire
