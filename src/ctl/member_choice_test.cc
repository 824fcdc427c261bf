#include "ctl/member_choice.h"

#include <gtest/gtest.h>

#include "ctl/schedule.h"
#include "wire/keys.h"

namespace tamada::ctl {
namespace {

core::ClusterView cluster(const std::string& leader_role) {
  core::ClusterView view;
  for (const std::string name : {"n0", "n1", "n2"}) {
    view.members[name] = {.name = name, .role = name == "n1" ? leader_role : "replica"};
  }
  view.leader = core::Leader{.name = "n1"};
  return view;
}

TEST(MembersOfRole, AsPatronictlChoosesThem) {
  const struct {
    const char* leader_role;
    const char* role;
    const char* names;
  } cases[] = {
      {"primary", "any", "n0, n1, n2"},
      {"primary", "replica", "n0, n2"},
      {"primary", "standby", "n0, n2"},
      {"primary", "leader", "n1"},
      {"primary", "primary", "n1"},
      {"primary", "standby-leader", ""},
      {"master", "primary", "n1"},
      {"master", "standby-leader", ""},
      {"standby_leader", "leader", "n1"},
      {"standby_leader", "primary", ""},
      {"standby_leader", "replica", "n0, n2"},
      {"standby_leader", "standby-leader", "n1"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(join_names(members_of_role(cluster(c.leader_role), c.role)), c.names) << c.leader_role << " " << c.role;
  }
  auto unlocked = cluster("primary");
  unlocked.leader.reset();
  EXPECT_EQ(join_names(members_of_role(unlocked, "leader")), "");
  EXPECT_EQ(join_names(members_of_role(unlocked, "replica")), "n0, n1, n2");
}

TEST(AnyMember, IsTheLeaderUnlessSomethingIsAsked) {
  const auto name = [](std::optional<std::string> role, std::optional<std::string> member) -> std::string {
    DsnOptions wish;
    wish.role = std::move(role);
    wish.member = std::move(member);
    const auto found = any_member(cluster("primary"), wish);
    if (!found) return found.error().what;
    return *found ? (*found)->name : "nobody";
  };
  EXPECT_EQ(name({}, {}), "n1");
  EXPECT_EQ(name("replica", {}), "n0");
  EXPECT_EQ(name({}, "n2"), "n2");
  EXPECT_EQ(name({}, "n9"), "nobody");
  EXPECT_EQ(name("standby-leader", {}), "nobody");
  EXPECT_EQ(name("replica", "n2"), "--role and --member are mutually exclusive options");
}

TEST(Scheduled, AsDateutilReadsIt) {
  const auto utc = [](const char* text) -> std::string {
    const auto at = parse_scheduled(text);
    if (!at) return "error";
    return *at ? wire::format_iso(**at) : "now";
  };
  EXPECT_EQ(utc(""), "now");
  EXPECT_EQ(utc("now"), "now");
  EXPECT_EQ(utc("2026-05-29T04:32:31Z"), "2026-05-29T04:32:31+00:00");
  EXPECT_EQ(utc("2026-05-29T04:32:31-3"), "2026-05-29T07:32:31+00:00");
  EXPECT_EQ(utc("2026-05-29 04:32 UTC"), "2026-05-29T04:32:00+00:00");
  EXPECT_EQ(utc("soon"), "error");
  EXPECT_EQ(utc("in five minutes"), "error");
  const auto midnight = *parse_scheduled("today"), three = *parse_scheduled("tomorrow 3:00");
  const auto between = std::chrono::duration_cast<std::chrono::hours>(*three - *midnight).count();
  EXPECT_TRUE(between >= 26 && between <= 28) << between;  // a day has 23 to 25 hours; 3 more are added
  const auto soon = *parse_scheduled("in 5 minutes");
  EXPECT_NEAR(std::chrono::duration<double>(*soon - std::chrono::system_clock::now()).count(), 300, 5);
  EXPECT_NE(utc("2026-05-29"), "error");
  EXPECT_NE(utc("4:32"), "error");
}

TEST(PgVersion, AsPatroniChecksIt) {
  EXPECT_TRUE(check_pg_version("15.3"));
  EXPECT_TRUE(check_pg_version("9.6.2"));
  EXPECT_EQ(check_pg_version("9.6").error().what, "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 9.6");
  EXPECT_EQ(check_pg_version("10").error().what, "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 10");
  EXPECT_EQ(check_pg_version("a.b.c").error().what, "Invalid PostgreSQL version: a.b.c");
}

}  // namespace
}  // namespace tamada::ctl
