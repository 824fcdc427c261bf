#include "wire/restart_request.h"

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

TEST(ScheduledRestart, NulloptWithoutATime) {
  for (const auto* text : {"", "{}", "[]", R"({"schedule":7})", R"({"schedule":"2099-01-01T00:00:00"})"}) {
    EXPECT_FALSE(parse_scheduled_restart(text)) << text;
  }
}

TEST(Restart, MembersThatWaitForOne) {
  core::ClusterView before, now;
  const auto member = [](core::ClusterView& view, const char* name, const char* state, const char* reason) {
    auto& record = view.members[name];
    record.name = name;
    record.state = state;
    record.pending_restart_reason_json = reason;
  };
  member(before, "a", "running", R"({"max_connections":{"new_value":"100"}})");
  member(before, "b", "streaming", R"({"shared_buffers":{}})");
  member(before, "c", "stopped", "");
  now = before;
  const auto waiting = [&](const std::vector<std::string>& parameters) {
    return waiting_for_restart(before, now, parameters);
  };
  EXPECT_EQ(waiting({"max_connections"}).names, "a");
  EXPECT_FALSE(waiting({"max_connections"}).told);  // the member's key is from before the change
  member(now, "a", "running", R"({"max_connections":{"new_value":"200"}})");
  EXPECT_FALSE(waiting({"max_connections"}).told);
  member(now, "b", "streaming", R"({"max_connections":{"new_value":"200"},"shared_buffers":{}})");
  EXPECT_EQ(waiting({"max_connections"}).names, "a, b");
  EXPECT_TRUE(waiting({"max_connections"}).told);
  EXPECT_EQ(waiting({"wal_level"}).names, "");
}

}  // namespace
}  // namespace tamada::wire
