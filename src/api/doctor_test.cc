#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/test_fakes.h"

namespace tamada::api {
namespace {

using namespace test;
using Json = nlohmann::ordered_json;

// Each finding that is not "ok", as "check: text -> what to do".
std::string complaints(Node& node) {
  const auto said = node.ask("GET", "/tamada/doctor");
  if (!said.starts_with("200 ")) return said;
  std::string text;
  for (const auto& one : Json::parse(said.substr(4))["findings"]) {
    if (one["grade"] == "ok") continue;
    text += (text.empty() ? "" : " | ") + one["check"].get<std::string>() + ": " + one["text"].get<std::string>();
    text += " -> " + one["next"].get<std::string>();
  }
  return text;
}

constexpr const char* api_of_n1 = "http://127.0.0.1:27201";
constexpr const char* api_of_n2 = "http://127.0.0.1:27202";

void well_answers(Node& node, const std::string& url, const std::string& more = "") {
  node.peers[url + "/tamada/explain"] = R"({"gates": [], "time": "2026-11-22T22:26:40+00:00"})";
  node.peers[url + "/patroni"] = R"({"state": "running", "role": "replica", "server_version": 150020)" + more + "}";
}

Snapshot streaming() {
  auto snapshot = leader();
  for (auto& [name, member] : snapshot.seen.cluster.members) {
    if (name != "n0") member.replication_state = "streaming";
  }
  return snapshot;
}

TEST(DoctorRoute, FindsWhatTheMembersTell) {
  Node node(streaming());
  well_answers(node, api_of_n1);
  well_answers(node, api_of_n2);
  EXPECT_EQ(complaints(node), "");
  const auto told = Json::parse(node.answer->body);
  EXPECT_EQ(told["cluster"], "demo");
  EXPECT_EQ(told["member"], "n0");
  EXPECT_TRUE(told["findings"].size() > 8);
  well_answers(node, api_of_n1, R"(, "problems": [{"kind": "guard", "text": "no guard: why"}])");
  node.peers.erase(std::string(api_of_n2) + "/patroni");
  node.peers.erase(std::string(api_of_n2) + "/tamada/explain");
  node.pass(5s);
  EXPECT_EQ(complaints(node),
            "members: n2 does not answer: connection refused -> start its daemon, or open the port of its REST API to "
            "this host | problems: n1: no guard: why -> without a guard a primary whose daemon freezes goes on "
            "writing; the daemon's log tells more");
  node.publish([](Snapshot& s) { s.seen.cluster.members.erase("n2"); });
  node.publish([](Snapshot& s) { s.seen.cluster.members["n1"].api_url = "file:///etc/passwd"; });
  node.pass(5s);
  EXPECT_TRUE(complaints(node).starts_with("members: n1 does not answer: it has published no usable api_url"))
      << node.said();
}

TEST(DoctorRoute, TheConfigurationIsReadByWhoKnowsIt) {
  RestApiOptions options;
  int version = 0;
  options.read_configuration = [&](const Json& config, int server_version) {
    version = server_version;
    diagnosis::ClusterFacts::Configuration out{.in_effect = config, .mistakes = {"ttl: doubtful"}};
    out.in_effect["ttl"] = 10;
    return out;
  };
  Node node(streaming(), options);
  well_answers(node, api_of_n1);
  well_answers(node, api_of_n2);
  const auto text = complaints(node);
  EXPECT_TRUE(
      text.starts_with("configuration: ttl: doubtful -> edit-config demo | ttl: loop_wait 10 + 2 * "
                       "retry_timeout 10 = 30, ttl 10"))
      << text;
  EXPECT_EQ(version, 150020);
}

TEST(DoctorRoute, WhatIsAroundTheNodeIsAMatterOfTheSameRound) {
  RestApiOptions options;
  int looks = 0;
  bool fails = false;
  options.look_around = [&]() -> awaitable<diagnosis::Surroundings> {
    ++looks;
    if (fails) throw std::runtime_error("the disk is gone");
    diagnosis::Surroundings found;
    found.etcd = {{.endpoint = "http://e0", .version = {}, .error = "e0 is silent"}};
    found.certificates = {{.where = "etcd3.cert c", .ends = {}, .error = "cannot be read"}};
    found.rewind = {.user = "rw", .leader = "n0", .error = {}, .missing = {"pg_read_binary_file(text)"}};
    co_return found;
  };
  Node node(streaming(), options);
  well_answers(node, api_of_n1);
  well_answers(node, api_of_n2);
  EXPECT_EQ(
      complaints(node),
      "etcd: e0 is silent -> start it, or take it out of the configuration | pg_rewind: rw may not call "
      "pg_read_binary_file(text) on n0: a diverged member cannot be rewound -> psql on the leader: GRANT EXECUTE "
      "ON FUNCTION pg_catalog.pg_read_binary_file(text) TO rw | certificates: etcd3.cert c: cannot be read -> see "
      "the configuration");
  for (int i = 0; i < 10; ++i) complaints(node);
  EXPECT_EQ(looks, 1);
  fails = true;
  node.pass(5s);
  EXPECT_EQ(complaints(node), "") << "the other findings are there all the same";
  EXPECT_EQ(looks, 2);
}

TEST(DoctorRoute, MembersAreAskedOnceForManyPages) {
  Node node(streaming());
  well_answers(node, api_of_n1);
  for (int i = 0; i < 10; ++i) complaints(node);
  EXPECT_EQ(node.asked.size(), 3U) << "n2, which does not answer, is asked once";
  node.pass(4s);
  complaints(node);
  EXPECT_EQ(node.asked.size(), 3U);
  node.pass(1s);
  complaints(node);
  EXPECT_EQ(node.asked.size(), 6U);
}

TEST(DoctorRoute, WithoutKeysItFindsNothing) {
  Node node(streaming());
  node.publish([](Snapshot& s) { s.seen.cluster = {}; });
  EXPECT_EQ(complaints(node).substr(0, 3), "503");
}

}  // namespace
}  // namespace tamada::api
