#include "config/profile.h"

#include <gtest/gtest.h>

#include "config/effective.h"
#include "config/judge.h"

namespace tamada::config {
namespace {

using namespace std::chrono_literals;

core::Settings settings_of(const std::string& json, std::vector<std::string>* warnings = nullptr) {
  return settings(Local{}, Json::parse(json), warnings);
}

TEST(Profile, SetsTheIntervals) {
  struct Case {
    const char* json;
    core::Duration ttl, loop_wait, retry_timeout;
    bool failsafe_mode;
  };
  const Case cases[] = {
      {R"({})", 30s, 10s, 10s, false},
      {R"({"profile": "norm"})", 30s, 10s, 10s, false},
      {R"({"profile": "fast"})", 4s, 1s, 1s, true},
      {R"({"profile": "wide"})", 120s, 10s, 30s, false},
      {R"({"profile": "fast", "ttl": 8})", 8s, 1s, 1s, true},
      {R"({"profile": "fast", "ttl": null, "failsafe_mode": false})", 4s, 1s, 1s, false},
      {R"({"profile": "quick"})", 30s, 10s, 10s, false},
      {R"({"profile": 7, "ttl": 20, "loop_wait": 5, "retry_timeout": 5})", 20s, 5s, 5s, false},
  };
  for (const auto& c : cases) {
    const auto got = settings_of(c.json);
    EXPECT_EQ(got.ttl, c.ttl) << c.json;
    EXPECT_EQ(got.loop_wait, c.loop_wait) << c.json;
    EXPECT_EQ(got.retry_timeout, c.retry_timeout) << c.json;
    EXPECT_EQ(got.failsafe_mode, c.failsafe_mode) << c.json;
  }
}

TEST(Profile, FitsTheRuleOfIntervalsByItself) {
  for (const char* name : {"fast", "norm", "wide"}) {
    std::vector<std::string> warnings;
    settings_of(Json{{"profile", name}}.dump(), &warnings);
    EXPECT_TRUE(warnings.empty()) << name << ": " << warnings.front();
  }
}

TEST(Profile, AnUnknownOneIsRefused) {
  const auto judged = judge_change(Json::object(), {{"profile", "quick"}}, 0);
  ASSERT_EQ(judged.errors.size(), 1U);
  EXPECT_TRUE(judged.errors[0].contains("fast, norm, wide")) << judged.errors[0];
}

TEST(Profile, KeysThatOverrideTheProfileAreReported) {
  const Json before{{"ttl", 30}, {"loop_wait", 1}};
  auto after = before;
  after["profile"] = "fast";
  const auto judged = judge_change(before, after, 0);
  EXPECT_TRUE(judged.errors.empty());
  ASSERT_EQ(judged.warnings.size(), 1U);
  EXPECT_EQ(judged.warnings[0],
            "ttl: 30 is set, and counts instead of the 4 of profile fast; without it (ttl=null) the profile's counts");
  EXPECT_TRUE(judge_change(after, after, 0).warnings.empty());
}

}  // namespace
}  // namespace tamada::config
