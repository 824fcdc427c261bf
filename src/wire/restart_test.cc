#include "wire/restart.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "wire/json.h"

namespace tamada::wire {
namespace {

TEST(ScheduledRestart, SurvivesTheMemberKey) {
  const char* texts[] = {
      R"({"schedule":"2099-01-01T00:00:00+00:00","postmaster_start_time":"2026-11-22 22:26:10.960453+00:00"})",
      R"({"role":"replica","postgres_version":"15.3","schedule":"2099-01-01T00:00:00+00:00","restart_pending":"True","timeout":60,"postmaster_start_time":null})",
  };
  for (const auto* text : texts) {
    auto request = parse_scheduled_restart(text);
    ASSERT_TRUE(request) << text;
    publish_as(*request, *parse_object(text));
    EXPECT_EQ(request->json, text);
  }
  const auto request = *parse_scheduled_restart(texts[1]);
  EXPECT_EQ(request.role, "replica");
  EXPECT_EQ(request.below_version, 150003);
  EXPECT_TRUE(request.only_pending);
  EXPECT_EQ(request.timeout, std::chrono::seconds(60));
}

TEST(ScheduledRestart, NothingWithoutATime) {
  for (const auto* text : {"", "{}", "[]", R"({"schedule":7})", R"({"schedule":"2099-01-01T00:00:00"})"}) {
    EXPECT_FALSE(parse_scheduled_restart(text)) << text;
  }
}

}  // namespace
}  // namespace tamada::wire
