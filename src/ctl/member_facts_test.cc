#include "ctl/member_facts.h"

#include <gtest/gtest.h>

#include "ctl/rolling.h"
#include "ctl/schedule.h"

namespace tamada::ctl {
namespace {

MemberEvent event(const char* time, const char* member, const char* type, const char* text,
                  Json fields = Json::object()) {
  return {.time = time, .member = member, .type = type, .text = text, .whole = std::move(fields)};
}

std::string texts(const std::vector<MemberEvent>& events) {
  std::string all;
  for (const auto& one : condensed(events)) all += one.member + " " + one.type + " " + one.text + "\n";
  return all;
}

TEST(Condensed, OneMomentOfAMemberIsOneLine) {
  EXPECT_EQ(texts({
                event("1", "n0", "decision", "start in progress"),
                event("1", "n0", "job", "start began", {{"job", "start"}}),
                event("1", "n0", "state", "PostgreSQL is starting"),
                event("1", "n1", "decision", "no action"),
                event("2", "n0", "decision", "no action"),
                event("2", "n0", "job", "start failed", {{"job", "start"}, {"state", "failed"}}),
                event("2", "n0", "role", "role is replica"),
                event("2", "n0", "leader", "n1 holds the leader key"),
                event("2", "n0", "state", "PostgreSQL is stopped"),
            }),
            "n0 decision start began\n"
            "n1 decision no action\n"
            "n0 decision no action; start failed; role is replica\n"
            "n0 leader n1 holds the leader key\n"
            "n0 state PostgreSQL is stopped\n");
  // When two events become one line, a failure stays a failure.
  const auto lines = condensed({event("2", "n0", "decision", "x", {{"severity", "info"}}),
                                event("2", "n0", "job", "y", {{"job", "start"}, {"state", "failed"}})});
  EXPECT_EQ(lines.at(0).whole["state"], "failed");
}

TEST(Condensed, MomentsThatLookTheSameAreOneLine) {
  const char* first = "2026-11-30T23:41:55.573100+00:00";
  const char* same_millisecond = "2026-11-30T23:41:55.573900+00:00";
  const char* next_millisecond = "2026-11-30T23:41:55.574000+00:00";
  EXPECT_EQ(texts({event(first, "n0", "decision", "waiting"), event(same_millisecond, "n0", "decision", "asking")}),
            "n0 decision waiting; asking\n");
  EXPECT_EQ(texts({event(first, "n0", "decision", "waiting"), event(next_millisecond, "n0", "decision", "asking")}),
            "n0 decision waiting\nn0 decision asking\n");
}

TEST(Period, InUnitsThatPeopleUse) {
  using namespace std::chrono_literals;
  EXPECT_EQ(parse_period("10m"), 10min);
  EXPECT_EQ(parse_period("2 hours"), 2h);
  EXPECT_EQ(parse_period("90 s"), 90s);
  EXPECT_EQ(parse_period("1 day"), 24h);
  for (const char* text : {"", "5", "m", "-5m", "5 fortnights", "5 m m", "5.5h"})
    EXPECT_FALSE(parse_period(text)) << text;
}

TEST(Rolling, TheLeaderIsLastAndHandsOverToOneThatWasRestarted) {
  core::ClusterView view;
  for (const std::string name : {"n0", "n1", "n2"}) {
    view.members[name] = {.name = name, .state = "running", .role = "replica", .replication_state = "streaming"};
  }
  view.leader = core::Leader{.name = "n0"};
  std::vector<core::Member> all;
  for (const auto& [name, member] : view.members) all.push_back(member);
  const auto ordered = leader_last(view, all);
  EXPECT_EQ(ordered.back().name, "n0");
  EXPECT_EQ(ordered.front().name, "n1");
  EXPECT_EQ(successor(view, {view.members["n2"]}), "n2");
  EXPECT_EQ(successor(view, {}), "n1");
  view.members["n1"].replication_state = "";
  EXPECT_EQ(successor(view, {}), "n2");
  view.config_json = R"({"synchronous_mode": true})";
  EXPECT_EQ(successor(view, {}), "");
  view.sync = core::SyncState{.leader = "n0", .standbys = {"n2"}};
  EXPECT_EQ(successor(view, {}), "n2");
}

}  // namespace
}  // namespace tamada::ctl
