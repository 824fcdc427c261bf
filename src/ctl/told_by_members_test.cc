#include "ctl/told_by_members.h"

#include <gtest/gtest.h>

#include "ctl/member_rows.h"
#include "wire/cluster_json.h"

namespace tamada::ctl {
namespace {

constexpr double now_s = 1000;

Told told(const std::string& name, const char* role, int heard_s, const char* cluster = nullptr) {
  const bool leads = std::string(role) == "primary";
  Json patroni = {{"state", "running"}, {"role", role}, {"timeline", 3}, {"dcs_last_seen", heard_s}};
  patroni["database_system_identifier"] = "77";
  patroni["xlog"] =
      leads ? Json{{"location", 5000000}} : Json{{"received_location", 4000000}, {"replayed_location", 2000000}};
  if (!leads) patroni["replication_state"] = "streaming";
  Told one{.name = name, .api_url = "http://" + name + ":8008/patroni", .patroni = patroni};
  if (cluster != nullptr) one.cluster = Json::parse(cluster);
  return one;
}

constexpr auto list = R"({"members": [
  {"name": "n0", "role": "leader", "state": "running", "api_url": "http://n0:8008/patroni", "host": "n0", "port": 5432, "timeline": 2},
  {"name": "n1", "role": "replica", "state": "streaming", "api_url": "http://n1:8008/patroni", "host": "n1", "port": 5432,
   "timeline": 2, "lsn": "0/100", "receive_lsn": "0/100", "replay_lsn": "0/100", "tags": {"nofailover": true}},
  {"name": "n2", "role": "replica", "state": "streaming", "api_url": "http://n2:8008/patroni", "host": "n2", "port": 5433,
   "timeline": 2, "lsn": "0/200", "receive_lsn": "0/200", "replay_lsn": "0/200"}], "scope": "demo"})";

std::string all(const std::vector<std::string>& notes) {
  std::string text;
  for (const auto& note : notes) text += note + "\n";
  return text;
}

TEST(ToldByMembers, TheMemberThatLastHeardFromEtcdTellsTheList) {
  auto late = told("n0", "primary", 990, list);
  late.config = Json{{"pause", true}};
  const auto picture = told_by_members({told("n1", "replica", 900, R"({"members": []})"), late}, {}, now_s);
  ASSERT_TRUE(picture);
  const auto& view = picture->view;
  EXPECT_EQ(view.members.size(), 3U);
  EXPECT_EQ(view.leader->name, "n0");
  EXPECT_EQ(view.initialize, "77");
  EXPECT_TRUE(wire::cluster_modes(view).paused);
  EXPECT_EQ(view.member("n2")->port, "5433");
  // A member's own answer overrides the list; its lag is measured against the leader's own position.
  EXPECT_EQ(view.member("n1")->replay_lsn, 2000000U);
  EXPECT_EQ(view.member("n1")->timeline, 3U);
  EXPECT_EQ(wire::cluster_json(view)["members"][1]["replay_lag"], 3000000);
  EXPECT_EQ(
      all(picture->notes),
      "the list of members is from n0, which heard from etcd 10 s ago; each member's state is from its own answer\n"
      "n2 does not answer: its line is 10 s old\n");
}

TEST(ToldByMembers, AnOldLeaderIsNoLeader) {
  const auto fallen = told_by_members({told("n0", "replica", 990, list)}, {}, now_s);
  EXPECT_TRUE(fallen->view.unlocked());
  EXPECT_NE(all(fallen->notes).find("n0 led, and does not lead any more: there is no primary\n"), std::string::npos);
  const auto moved = told_by_members({told("n1", "primary", 999), told("n0", "replica", 990, list)}, {}, now_s);
  EXPECT_EQ(moved->view.leader->name, "n1");
  const auto both = told_by_members({told("n1", "primary", 999), told("n0", "primary", 990, list)}, {}, now_s);
  EXPECT_NE(all(both->notes).find("n0 and n1 both say that they lead\n"), std::string::npos);
}

TEST(ToldByMembers, WithoutAListTheRememberedMembersCount) {
  core::ClusterView remembered;
  remembered.members["n7"] = {.name = "n7", .host = "h", .api_url = "http://h:1/patroni", .state = "running"};
  const auto picture = told_by_members({told("n1", "replica", 990)}, remembered, now_s);
  EXPECT_EQ(picture->view.members.size(), 2U);
  EXPECT_NE(all(picture->notes).find("n7 does not answer"), std::string::npos);
  EXPECT_FALSE(told_by_members({{.name = "", .api_url = "x"}}, remembered, now_s));
}

}  // namespace
}  // namespace tamada::ctl
