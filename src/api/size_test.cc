#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/test_fakes.h"

namespace tamada::api {
namespace {

using namespace test;
using Json = nlohmann::ordered_json;

Json told(const Node& node) { return Json::parse(node.said().substr(4)); }

TEST(Size, IsMeasuredOncePerMinuteForAllWhoAsk) {
  Node node(leader());
  EXPECT_EQ(node.agent.measured, 0) << "nothing is measured before somebody asks";
  for (int i = 0; i < 10; ++i) node.ask("GET", "/tamada/size");
  EXPECT_EQ(node.agent.measured, 1);
  EXPECT_EQ(told(node)["member"], "n0");
  EXPECT_EQ(told(node)["data_bytes"], 40'000'000);
  EXPECT_EQ(told(node)["wal_bytes"], 16'777'216);
  EXPECT_EQ(told(node)["replaced"], "when_copied");
  node.pass(60s);
  node.agent.size->replaced = core::DataSize::Replaced::in_place;
  node.ask("GET", "/tamada/size?member=n0");
  EXPECT_EQ(node.agent.measured, 2);
  EXPECT_EQ(told(node)["replaced"], "in_place");
}

TEST(Size, AFailureIsToldAndNotRepeatedAtOnce) {
  Node node(leader());
  node.agent.size = core::fail("no du");
  for (int i = 0; i < 3; ++i) node.ask("GET", "/tamada/size");
  EXPECT_EQ(node.agent.measured, 1);
  EXPECT_TRUE(told(node)["data_bytes"].is_null());
  EXPECT_EQ(told(node)["error"], "no du");
}

// A process that waits for a disk cannot even be killed.
TEST(Size, ADiskThatHangsDelaysNoAnswerForever) {
  Node node(leader());
  net::Event disk(node.io.get_executor());
  node.agent.measuring = &disk;
  EXPECT_EQ(node.ask("GET", "/tamada/size"), "waiting");
  node.pass(10s);
  EXPECT_TRUE(told(node)["data_bytes"].is_null());
  node.pass(60s);
  EXPECT_EQ(node.ask("GET", "/tamada/size"), "waiting");
  EXPECT_EQ(node.agent.measured, 1) << "no second process joins one that hangs";
  disk.notify();
  node.run();
  EXPECT_EQ(told(node)["data_bytes"], 40'000'000);
}

TEST(Size, OfAnotherMemberIsAskedFromThatMember) {
  Node node(leader());
  const std::string its_answer = R"({"member": "n1", "data_bytes": 5, "wal_bytes": 6, "replaced": "before"})";
  node.replies["GET http://127.0.0.1:27201/tamada/size"] = {200, {}, its_answer};
  EXPECT_EQ(node.ask("GET", "/tamada/size?member=n1"), "200 " + its_answer);
  EXPECT_EQ(node.agent.measured, 0);
  node.replies.begin()->second.body = R"({"state": "running"})";  // as Patroni answers
  EXPECT_TRUE(node.ask("GET", "/tamada/size?member=n1").starts_with("502"));
  EXPECT_TRUE(node.said().contains("n1 answers 200, but tells no size"));
  EXPECT_TRUE(node.ask("GET", "/tamada/size?member=n2").starts_with("502"));
  EXPECT_TRUE(node.ask("GET", "/tamada/size?member=nobody").starts_with("404"));
}

}  // namespace
}  // namespace tamada::api
