#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/test_fakes.h"

namespace tamada::api {
namespace {

using namespace test;
using Json = nlohmann::ordered_json;

RestApiOptions judging() {
  RestApiOptions options;
  options.judge_config = [](const Json&, const Json& after, int version, const wire::ServerParameters&) {
    ConfigVerdict verdict;
    if (after.contains("typo")) verdict.errors = {"typo: unknown"};
    verdict.effects = {"by server " + std::to_string(version)};
    return verdict;
  };
  return options;
}

TEST(CheckConfig, TellsWhatAChangeWouldDoAndChangesNothing) {
  Node node(leader(), judging());
  EXPECT_EQ(
      node.ask("POST", "/tamada/check-config", R"({"typo": 1, "loop_wait": null})"),
      R"(200 {"before": {"ttl": 30, "loop_wait": 10}, "after": {"ttl": 30, "typo": 1}, "errors": ["typo: unknown"], )"
      R"("warnings": [], "effects": ["by server 150020"], "restarts": []})");
  EXPECT_EQ(node.ask("POST", "/tamada/check-config", R"({"ttl": 30})"),
            R"(200 {"before": {"ttl": 30, "loop_wait": 10}, "after": {"ttl": 30, "loop_wait": 10}, "errors": [], )"
            R"("warnings": [], "effects": [], "restarts": []})")
      << "no change has no effect";
  EXPECT_EQ(node.agent.config_writes, 0);
}

TEST(CheckConfig, IsJudgedByWhatEtcdHolds) {
  Node node(leader(), judging());
  node.agent.held = node.board.latest()->seen.cluster;
  node.agent.held->config_json = R"({"ttl":40,"loop_wait":10})";
  EXPECT_EQ(node.ask("POST", "/tamada/check-config", R"({"loop_wait": 5})"),
            R"(200 {"before": {"ttl": 40, "loop_wait": 10}, "after": {"ttl": 40, "loop_wait": 5}, "errors": [], )"
            R"("warnings": [], "effects": ["by server 150020"], "restarts": []})");
  node.agent.dcs_down = true;
  EXPECT_EQ(node.ask("POST", "/tamada/check-config", R"({"loop_wait": 5})").substr(0, 3), "503");
}

TEST(CheckConfig, NeedsWhatAChangeNeeds) {
  auto options = judging();
  options.username = "u";
  options.password = "p";
  Node node(leader(), options);
  EXPECT_EQ(node.ask("POST", "/tamada/check-config", R"({"ttl":30})").substr(0, 3), "401");
  EXPECT_EQ(node.ask("POST", "/tamada/check-config", R"({"ttl":30})", "Basic dTpw").substr(0, 3), "200");
  EXPECT_EQ(node.ask("POST", "/tamada/explain", "{}", "Basic dTpw").substr(0, 3), "404");
  EXPECT_EQ(node.ask("POST", "/tamada/check-config", "[1]", "Basic dTpw").substr(0, 3), "400");
  node.headers = {{"Host", "10.0.0.1:8008"}, {"Origin", "http://evil.example"}};
  EXPECT_EQ(node.ask("POST", "/tamada/check-config", R"({"ttl":30})", "Basic dTpw").substr(0, 3), "403");
  node.headers.clear();
  node.publish([](Snapshot& s) { s.seen.cluster.config_json.reset(); });
  EXPECT_EQ(node.ask("POST", "/tamada/check-config", R"({"ttl":30})", "Basic dTpw").substr(0, 3), "503");
}

}  // namespace
}  // namespace tamada::api
