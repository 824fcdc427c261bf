#include "api/samples.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/test_fakes.h"

namespace tamada::api {
namespace {

using namespace test;
using Json = nlohmann::ordered_json;

constexpr core::WallTime first_sample(std::chrono::seconds(1'795'386'400));

// The samples of this node, as the route tells them.
Json samples_told(Node& node) { return Json::parse(node.ask("GET", "/tamada/samples").substr(4))["samples"]; }

// Publishes a change that was observed so long after the first sample.
void publish_after(Node& node, core::Duration after, const std::function<void(core::Observation&)>& change = {}) {
  node.publish([&](Snapshot& s) {
    s.seen.now = at(noon + after);
    s.seen.wall = first_sample + std::chrono::duration_cast<std::chrono::microseconds>(after);
    if (change) change(s.seen);
  });
}

TEST(Samples, OneIsTakenEveryTenSecondsForAnHour) {
  Node node(leader());
  EXPECT_EQ(samples_told(node).size(), 0U);
  for (int second = 0; second < 25; ++second) publish_after(node, std::chrono::seconds(second));
  EXPECT_EQ(samples_told(node).size(), 3U);
  for (int second = 30; second < 7200; second += 10) publish_after(node, std::chrono::seconds(second));
  const auto all = samples_told(node);
  ASSERT_EQ(all.size(), 360U);
  EXPECT_EQ(all.front()[0], 1'795'386'400 + 3600);
  EXPECT_EQ(all.back()[0], 1'795'386'400 + 7190);
  EXPECT_LT(node.said().size(), 40'000U);
  publish_after(node, 3h);
  EXPECT_EQ(samples_told(node).size(), 1U) << "the others are older than an hour";
}

TEST(Samples, ThePrimaryTellsItsRateOfWal) {
  Node node(leader());
  publish_after(node, 0s);
  publish_after(node, 4s, [](core::Observation& seen) { seen.postgres.sql->wal_lsn += 1'000'000; });
  publish_after(node, 10s);
  publish_after(node, 20s, [](core::Observation& seen) { seen.postgres.sql->timeline = 2; });
  publish_after(node, 30s, [](core::Observation& seen) { seen.postgres.sql.reset(); });
  const auto all = samples_told(node);
  EXPECT_EQ(all[0].dump(), "[1795386400,null,null,null,null,null]");
  EXPECT_EQ(all[1][3], 100'000);
  EXPECT_TRUE(all[2][3].is_null()) << "another timeline is no progress of the one before";
  EXPECT_TRUE(all[3][3].is_null());
}

TEST(Samples, AStandbyTellsItsLag) {
  Node node(replica());
  publish_after(node, 0s, [](core::Observation& seen) {
    seen.postgres.sql->replay_lsn = 67'000'000;
    seen.cluster.status->optime = 67'109'500;
  });
  publish_after(node, 10s, [](core::Observation& seen) { seen.postgres.sql->latest_end_lsn = 67'110'000; });
  publish_after(node, 20s, [](core::Observation& seen) { seen.postgres.sql->wal_lsn = 67'120'000; });
  const auto all = samples_told(node);
  EXPECT_EQ(all[0].dump(), "[1795386400,500,109500,null,null,null]");
  EXPECT_EQ(all[1].dump(), "[1795386410,1000,110000,null,null,null]") << "the upstream knows more than the key";
  EXPECT_EQ(all[2].dump(), "[1795386420,0,120000,null,null,null]") << "our own WAL is newer than what both told";
}

TEST(Samples, ContainTheLongestMeasurementSinceTheOneBefore) {
  RestApiOptions options;
  options.telemetry = std::make_shared<Telemetry>();
  Node node(leader(), options);
  options.telemetry->dcs_requests["range"].observe(3ms);
  options.telemetry->dcs_requests["txn"].observe(12500us);
  options.telemetry->dcs_requests["txn"].observe(5ms);
  options.telemetry->loop_lag.observe(70us);
  publish_after(node, 0s);
  options.telemetry->dcs_requests["range"].observe(1ms);
  publish_after(node, 10s);
  publish_after(node, 20s);
  const auto all = samples_told(node);
  EXPECT_EQ(all[0][4], 12.5);
  EXPECT_EQ(all[0][5], 0.07);
  EXPECT_EQ(all[1][4], 1.0);
  EXPECT_TRUE(all[1][5].is_null() && all[2][4].is_null()) << "nothing was measured";
}

TEST(Samples, OfAllMembersAreAskedOnceForManyPages) {
  Node node(leader());
  publish_after(node, 0s);
  const std::string told = R"({"member": "n1", "columns": ["at"], "samples": [[1]]})";
  node.peers = {{"http://127.0.0.1:27201/tamada/samples", told},
                {"http://127.0.0.1:27202/tamada/samples", R"({"state": "running"})"}};
  for (int i = 0; i < 10; ++i) node.ask("GET", "/tamada/members/samples");
  EXPECT_EQ(node.asked.size(), 2U);
  auto members = Json::parse(node.said().substr(4))["members"];
  EXPECT_EQ(members[0]["name"], "n0");
  EXPECT_EQ(members[0]["samples"]["samples"].size(), 1U);
  EXPECT_EQ(members[1].dump(), R"({"name":"n1","samples":)" + Json::parse(told).dump() + "}");
  EXPECT_EQ(members[2]["error"], "it answers 200 without samples");

  node.peers = {{"http://127.0.0.1:27201/tamada/samples", R"({"columns": ], "x": ")"}};
  node.pass(10s);
  members = Json::parse(node.ask("GET", "/tamada/members/samples").substr(4))["members"];
  EXPECT_EQ(node.asked.size(), 4U);
  EXPECT_TRUE(members[1]["samples"].is_null()) << "text that is no JSON is not passed on";
  EXPECT_EQ(members[2]["error"], "connection refused");
}

}  // namespace
}  // namespace tamada::api
