#include "core/problems.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "core/presentation.h"
#include "core/slot_plan.h"
#include "core/testing/scene.h"

namespace tamada::core {
namespace {

using testing::noon;
using testing::Scene;

TEST(Problems, OfAMemberThatIsWellThereAreNone) {
  EXPECT_EQ(in_one_line(problems(Scene().we_lead().primary().seen, {})), "");
}

TEST(Problems, EachIsTold) {
  struct Case {
    std::string kind, text;
    std::function<void(Scene&)> spoil;
  };
  const Case cases[] = {
      {"guard", "no guard: why", [](Scene& s) { s.seen.fence.unguarded = "no guard: why"; }},
      {"watchdog", "no device",
       [](Scene& s) {
         s.seen.fence.usable = false;
         s.seen.fence.trouble = "no device";
       }},
      {"dcs", "etcd does not answer: refused",
       [](Scene& s) {
         s.seen.dcs = {
             .ok = false, .last_ok = noon, .ok_since = {}, .failing_since = noon, .error = "refused\nfurther lines"};
       }},
      {"rewind", "pg_rewind failed: permission denied for function pg_read_binary_file",
       [](Scene& s) {
         s.memory.rewind.failed = true;
         s.memory.rewind.error = "permission denied for function pg_read_binary_file";
       }},
      {"rewind", "pg_rewind did not help", [](Scene& s) { s.memory.rewind.failed = true; }},
      {"slots", "the WAL that slot b should keep is gone",
       [](Scene& s) { s.seen.postgres.sql->slots.front().lost = true; }},
      {"job", "start failed 2 times: no memory",
       [](Scene& s) { s.memory.jobs.backoff[JobKind::start] = {.failures = 2, .error = "no memory"}; }},
      {"job", "following b failed once: disk full",
       [](Scene& s) { s.seen.retries["following b"] = {.failures = 1, .error = "disk full"}; }},
      {"connections", "PostgreSQL answers no new connection, its postmaster may hang",
       [](Scene& s) { s.seen.postgres.silent_since = noon - 10s; }},
      {"connections", "PostgreSQL refuses our connection: too many clients",
       [](Scene& s) { s.seen.postgres.connect_error = "too many clients"; }},
      {"disk", "full", [](Scene& s) { s.seen.postgres.problems = {{"disk", "full"}}; }},
      {"configuration", "no number", [](Scene& s) { s.seen.noticed = {{"configuration", "no number"}}; }},
  };
  for (const auto& c : cases) {
    Scene s;
    s.we_lead().primary();
    c.spoil(s);
    EXPECT_EQ(problems(s.seen, s.memory), (Problems{{c.kind, c.text}}));
    EXPECT_EQ(member_record(s.seen, s.memory).trouble, c.text);
    EXPECT_NE(std::ranges::find(problem_kinds, c.kind), problem_kinds.end()) << c.kind;
  }
}

TEST(Problems, AnOpenRestApiIsNotToldBelowEachList) {
  Scene s;
  s.we_lead().primary();
  s.seen.noticed = {{"security", "open"}, {"configuration", "ttl: abc"}};
  EXPECT_EQ(problems(s.seen, s.memory).size(), 2u);
  EXPECT_EQ(member_record(s.seen, s.memory).trouble, "ttl: abc");
}

// A connection that is slow once is no news.
TEST(Problems, SilenceCountsWhenItLasts) {
  Scene s;
  s.we_lead().primary();
  s.seen.postgres.silent_since = noon - 9s;
  EXPECT_EQ(in_one_line(problems(s.seen, s.memory)), "");
  s.seen.postgres.silent_since = noon - 1h;
  s.seen.settings.primary_unresponsive = PrimaryUnresponsive::off;
  EXPECT_EQ(in_one_line(problems(s.seen, s.memory)), "");
}

TEST(Status, TellsWhoHasBeenHereOfLate) {
  Scene s;
  s.we_lead().primary();
  s.seen.wall = WallTime(1'000'000s);
  auto& members = s.seen.cluster.members;
  s.seen.cluster.status = status_now(s.seen, s.memory.leadership.tenure, s.memory.slots);
  EXPECT_EQ(s.seen.cluster.status->members, (std::map<std::string, std::int64_t>{{"a", 0}, {"b", 0}, {"c", 0}}));
  const auto b = members.extract("b");
  s.seen.cluster.status = status_now(s.seen, s.memory.leadership.tenure, s.memory.slots);
  EXPECT_EQ(s.seen.cluster.status->members,
            (std::map<std::string, std::int64_t>{{"a", 0}, {"b", 1'000'000}, {"c", 0}}));
  s.seen.wall += 23h;
  s.seen.cluster.status = status_now(s.seen, s.memory.leadership.tenure, s.memory.slots);
  EXPECT_EQ(s.seen.cluster.status->members["b"], 1'000'000);
  s.seen.wall += 1h;
  EXPECT_EQ(status_now(s.seen, s.memory.leadership.tenure, s.memory.slots).members,
            (std::map<std::string, std::int64_t>{{"a", 0}, {"c", 0}}));
}

}  // namespace
}  // namespace tamada::core
