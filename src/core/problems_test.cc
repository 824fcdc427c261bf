#include "core/problems.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "core/clock_offset.h"
#include "core/presentation.h"
#include "core/slot_plan.h"
#include "core/testing/scene.h"

namespace tamada::core {
namespace {

using testing::noon;
using testing::Scene;

constexpr std::uint64_t gigabyte = std::uint64_t{1} << 30;

void holds(Scene& s, std::uint64_t bytes) {
  auto& sql = *s.seen.postgres.sql;
  sql.wal_lsn += 100 * gigabyte;
  sql.slots.front().keeps_from = sql.wal_lsn - bytes;
}

TEST(Problems, NobodyIsToldOfHalfRewoundDataWhilePgRewindRuns) {
  Scene s;
  s.b_leads().stopped().seen.postgres.data_directory = DataDirectory::half_rewound;
  s.job(JobKind::rewind, JobState::running);
  EXPECT_TRUE(problems(s.seen, s.memory).empty());
  s.job(JobKind::rewind, JobState::failed);
  EXPECT_EQ(problems(s.seen, s.memory).size(), 1u);
}

TEST(Problems, AHealthyMemberHasNone) { EXPECT_EQ(in_one_line(problems(Scene().we_lead().primary().seen, {})), ""); }

TEST(Problems, EachIsTold) {
  struct Case {
    ProblemKind kind;
    std::string text;
    std::function<void(Scene&)> spoil;
  };
  const Case cases[] = {
      {ProblemKind::guard, "no guard: why", [](Scene& s) { s.seen.fence.unguarded = "no guard: why"; }},
      {ProblemKind::watchdog, "no device",
       [](Scene& s) {
         s.seen.fence.usable = false;
         s.seen.fence.trouble = "no device";
       }},
      {ProblemKind::dcs, "etcd does not answer: refused",
       [](Scene& s) {
         s.seen.dcs = {
             .ok = false, .last_ok = noon, .ok_since = {}, .failing_since = noon, .error = "refused\nfurther lines"};
       }},
      {ProblemKind::rewind, "pg_rewind failed: permission denied for function pg_read_binary_file",
       [](Scene& s) {
         s.memory.rewind.failed = true;
         s.memory.rewind.error = "permission denied for function pg_read_binary_file";
       }},
      {ProblemKind::rewind, "pg_rewind did not help", [](Scene& s) { s.memory.rewind.failed = true; }},
      {ProblemKind::slots, "WAL that slot b should have kept is gone",
       [](Scene& s) { s.seen.postgres.sql->slots.front().lost = true; }},
      {ProblemKind::slots,
       "slot b holds more than 8 GB of WAL, more than half of max_slot_wal_keep_size: beyond that size PostgreSQL "
       "removes the WAL, and the slot's reader has to be set up anew",
       [](Scene& s) {
         s.seen.postgres.sql->slot_keeps_at_most = 16 * gigabyte;
         holds(s, 8 * gigabyte + 1);
       }},
      {ProblemKind::slots,
       "slot b holds more than 8 GB of WAL, and max_slot_wal_keep_size sets no limit: pg_wal grows until its reader "
       "has caught up or the slot is dropped",
       [](Scene& s) { holds(s, 11 * gigabyte); }},
      {ProblemKind::slots,
       "permanent logical slots are not created before PostgreSQL 11, because earlier versions cannot advance slots: "
       "l, m; create them on the "
       "primary by hand, and again after each failover",
       [](Scene& s) {
         s.seen.postgres.server_version = 100023;
         s.seen.settings.slots = {{"l", {.physical = false}}, {"m", {.physical = false}}, {"p", {}}};
       }},
      {ProblemKind::clock,
       "the clock of this host is 2 s ahead of etcd's: scheduled actions come too early, and the times in "
       "the logs of different hosts cannot be compared; leases and timeouts do not depend on this clock",
       [](Scene& s) { s.seen.dcs.clock_ahead = 2900ms; }},
      {ProblemKind::clock,
       "the clock of this host is 3 h behind etcd's: scheduled actions come too late, and the times in "
       "the logs of different hosts cannot be compared; leases and timeouts do not depend on this clock",
       [](Scene& s) { s.seen.dcs.clock_ahead = -200min; }},
      {ProblemKind::clock,
       "the clock of this host is 60 min ahead of etcd's: scheduled actions come too early, and the times in "
       "the logs of different hosts cannot be compared; leases and timeouts do not depend on this clock",
       [](Scene& s) { s.seen.dcs.clock_ahead = 1h - 100ms; }},
      {ProblemKind::job, "start failed 2 times: no memory",
       [](Scene& s) { s.stopped().memory.jobs.backoff[JobKind::start] = {.failures = 2, .error = "no memory"}; }},
      {ProblemKind::job, "following b failed once: disk full",
       [](Scene& s) { s.seen.retries["following b"] = {.failures = 1, .error = "disk full"}; }},
      {ProblemKind::connections, "PostgreSQL answers no new connection, its postmaster may hang",
       [](Scene& s) { s.seen.postgres.silent_since = noon - 10s; }},
      {ProblemKind::connections, "PostgreSQL refuses our connection: too many clients",
       [](Scene& s) { s.seen.postgres.connect_error = "too many clients"; }},
      {ProblemKind::disk, "full", [](Scene& s) { s.seen.postgres.problems = {{ProblemKind::disk, "full"}}; }},
      {ProblemKind::disk, "PostgreSQL flushes no WAL: commits wait for the disk",
       [](Scene& s) { s.seen.postgres.disk_write_since = s.seen.postgres.commit_since = noon - 10s; }},
      {ProblemKind::configuration, "no number",
       [](Scene& s) { s.seen.noticed = {{ProblemKind::configuration, "no number"}}; }},
  };
  for (const auto& c : cases) {
    Scene s;
    s.we_lead().primary();
    c.spoil(s);
    EXPECT_EQ(problems(s.seen, s.memory), (Problems{{c.kind, c.text}}));
    EXPECT_EQ(member_record(s.seen, s.memory, problems(s.seen, s.memory)).trouble, c.text);
  }
}

TEST(Problems, FailedStartsAreNoneOnceTheServerRuns) {
  Scene s;
  s.we_lead().stopped();
  auto& start = s.memory.jobs.backoff[JobKind::start];
  start = {.failures = 2, .error = "pg_hba.conf line 3: what"};
  EXPECT_EQ(in_one_line(problems(s.seen, s.memory)), "start failed 2 times: pg_hba.conf line 3: what");
  s.primary();
  EXPECT_EQ(in_one_line(problems(s.seen, s.memory)), "");
  start.error = ended_soon_after_start;
  EXPECT_NE(in_one_line(problems(s.seen, s.memory)), "") << "it may end again";
}

TEST(Problems, EachKindStandsAtItsPlaceInTheTable) {
  for (std::size_t i = 0; i < problem_kinds.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(problem_kinds[i].kind), i);
    EXPECT_EQ(problem_kind(name(problem_kinds[i].kind)), problem_kinds[i].kind);
  }
  EXPECT_EQ(problem_kind("of a later version"), std::nullopt);
}

TEST(Problems, AnOpenRestApiIsNotToldBelowEachList) {
  Scene s;
  s.we_lead().primary();
  s.seen.noticed = {{ProblemKind::security, "open"}, {ProblemKind::configuration, "ttl: abc"}};
  EXPECT_EQ(problems(s.seen, s.memory).size(), 2u);
  EXPECT_EQ(member_record(s.seen, s.memory, problems(s.seen, s.memory)).trouble, "ttl: abc");
}

TEST(Problems, ASlotMayHoldWhatThereIsRoomFor) {
  struct Case {
    std::uint64_t holds;
    std::optional<std::uint64_t> limit, space;
    std::uint64_t max_wal_size;
    bool told;
  };
  const Case cases[] = {
      {8 * gigabyte, 16 * gigabyte, {}, gigabyte, false},          // half of the limit
      {40 * gigabyte, 100 * gigabyte, gigabyte, gigabyte, false},  // the limit counts, whatever the size of the disk
      {10 * gigabyte, {}, {}, gigabyte, false},
      {10 * gigabyte, {}, 1000 * gigabyte, gigabyte, false},
      {11 * gigabyte, {}, 1000 * gigabyte, gigabyte, true},
      {11 * gigabyte, {}, 1000 * gigabyte, 20 * gigabyte, false},  // PostgreSQL keeps this much without any slot
      {2 * gigabyte, {}, 10 * gigabyte, gigabyte, false},
      {3 * gigabyte, {}, 10 * gigabyte, gigabyte, true},  // more than a fifth of the free space
      {gigabyte, {}, 0, gigabyte, false},
  };
  for (const auto& c : cases) {
    Scene s;
    s.we_lead().primary();
    s.seen.postgres.sql->slot_keeps_at_most = c.limit;
    s.seen.postgres.sql->max_wal_size = c.max_wal_size;
    s.seen.postgres.wal_space = c.space;
    holds(s, c.holds);
    EXPECT_EQ(!problems(s.seen, s.memory).empty(), c.told) << c.holds / gigabyte;
  }
}

TEST(Problems, AClockMayDifferALittle) {
  Scene s;
  s.we_lead().primary();
  for (const Duration ahead : {1999ms, -1999ms}) {
    s.seen.dcs.clock_ahead = ahead;
    EXPECT_EQ(problems(s.seen, s.memory), Problems{});
  }
}

// Neither the missing fraction of a date nor a slow answer may look like a difference of the clocks.
TEST(ClockOffset, IsWhatTheAnswersProve) {
  struct Answer {
    Duration sent, answered, dated, ahead;
  };
  const Answer answers[] = {
      {0ms, 10ms, 0s, 0s},             // within the same second
      {990ms, 1010ms, 0s, 0s},         // at the end of the second
      {0ms, 10s, 8s, 0s},              // a slow answer proves little
      {5500ms, 5510ms, 2s, 2500ms},    // at least 2.5 s, because the answer may have been made at 2.999
      {6900ms, 6910ms, 3s, 2900ms},    // the answer came at another moment of its second, and proves more
      {7100ms, 7110ms, 4s, 2900ms},    // the earlier proof still holds
      {8000ms, 8010ms, 8s, 10ms},      // our clock was set back
      {9000ms, 9010ms, 13s, -3990ms},  // our clock was set back further
      {9000ms, 8000ms, 0s, -3990ms},   // our clock was set back between question and answer, which proves nothing
  };
  ClockOffset clock;
  for (const auto& [sent, answered, dated, ahead] : answers) {
    const auto at = [](Duration since) {
      return WallTime(std::chrono::duration_cast<std::chrono::microseconds>(since));
    };
    clock.learn(at(sent), at(answered), at(dated));
    EXPECT_EQ(clock.ahead(), ahead) << dated / 1s;
  }
}

// One slow connection is not reported.
TEST(Problems, SilenceCountsWhenItLasts) {
  Scene s;
  s.we_lead().primary();
  s.seen.postgres.silent_since = noon - 9s;
  EXPECT_EQ(in_one_line(problems(s.seen, s.memory)), "");
  s.seen.postgres.silent_since = noon - 1h;
  s.seen.settings.primary_unresponsive = PrimaryUnresponsive::off;
  EXPECT_EQ(in_one_line(problems(s.seen, s.memory)), "");
}

TEST(Status, TellsTheRecentMembers) {
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
