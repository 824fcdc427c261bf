#include <gtest/gtest.h>

#include <functional>

#include "core/silence.h"
#include "core/testing/scene.h"

namespace tamada::core::testing {
namespace {

const StartJob* stop_of(const Decision& decision) {
  const auto* job = find<StartJob>(decision);
  return job && job->kind == JobKind::stop ? job : nullptr;
}

// A leader that has answered no new connection for a ttl.
Scene silent_leader() {
  Scene s;
  s.we_lead().primary();
  s.seen.postgres.silent_since = noon - 30s;
  return s;
}

TEST(Unresponsive, AfterATtlTheServerIsEndedAndThenTheKeyGoes) {
  auto s = silent_leader();
  const auto decision = s.decide();
  EXPECT_EQ(decision.rule, "unresponsive");
  EXPECT_EQ(decision.reason,
            "ending PostgreSQL, for another to take over: PostgreSQL has answered no new connection for 30 s");
  ASSERT_TRUE(stop_of(decision));
  EXPECT_EQ(stop_of(decision)->stop_mode, StopMode::immediate);
  EXPECT_FALSE(find<ReleaseLeader>(decision));

  s.memory = decision.memory;
  s.job(JobKind::stop, JobState::succeeded).stopped();
  s.seen.postgres.silent_since.reset();
  const auto after = s.decide();
  EXPECT_TRUE(find<ReleaseLeader>(after));
  EXPECT_EQ(after.reason, "failover: stopped, the leader key is free");
}

TEST(Unresponsive, WithoutAMemberThatCanTakeOverItIsStartedAgain) {
  auto s = silent_leader();
  s.seen.cluster.members["b"].tags.nofailover = true;
  s.seen.cluster.members["c"].state = "stopped";
  const auto decision = s.decide();
  EXPECT_EQ(decision.reason,
            "ending PostgreSQL, to start it again: PostgreSQL has answered no new connection for 30 s");
  ASSERT_TRUE(stop_of(decision));
  s.memory = decision.memory;
  s.job(JobKind::stop, JobState::succeeded).stopped();
  s.seen.postgres.silent_since.reset();
  const auto after = s.decide();
  EXPECT_EQ(after.rule, "recover");
  EXPECT_FALSE(find<ReleaseLeader>(after));
}

TEST(Unresponsive, OnlyStandbysThatSyncNamesCount) {
  auto s = silent_leader();
  s.seen.settings.synchronous_mode = SynchronousMode::on;
  s.seen.cluster.sync = SyncState{.leader = "a", .standbys = {"c"}, .revision = 7};
  s.seen.cluster.members["c"].state = "stopped";
  EXPECT_TRUE(s.decide().reason.starts_with("ending PostgreSQL, to start it again"));
}

TEST(Unresponsive, AServerThatDoesNotAnswerAtAllIsEndedToo) {
  auto s = silent_leader();
  s.seen.postgres.process = ProcessState::unresponsive;
  s.seen.postgres.sql.reset();
  EXPECT_EQ(s.decide().rule, "unresponsive");
}

TEST(Unresponsive, OtherwiseItGoesOn) {
  const std::pair<const char*, std::function<void(Scene&)>> cases[] = {
      {"a ttl is not over", [](Scene& s) { s.seen.postgres.silent_since = noon - 29s; }},
      {"it answers with an error",
       [](Scene& s) {
         s.seen.postgres.silent_since.reset();
         s.seen.postgres.connect_error = "FATAL:  sorry, too many clients already";
       }},
      {"warn", [](Scene& s) { s.seen.settings.primary_unresponsive = PrimaryUnresponsive::warn; }},
      {"off", [](Scene& s) { s.seen.settings.primary_unresponsive = PrimaryUnresponsive::off; }},
      {"pause", [](Scene& s) { s.seen.settings.pause = true; }},
      {"a standby", [](Scene& s) { s.b_leads().standby(); }},
      {"a standby leader",
       [](Scene& s) {
         s.standby();
         s.seen.settings.standby_cluster = core::StandbyCluster{.host = "far"};
       }},
      {"it is being stopped", [](Scene& s) { s.seen.postgres.process = ProcessState::stopping; }},
      {"a job runs", [](Scene& s) { s.job(JobKind::stop, JobState::running); }},
  };
  for (const auto& [name, change] : cases) {
    auto s = silent_leader();
    change(s);
    EXPECT_FALSE(stop_of(s.decide())) << name;
  }
}

TEST(Unresponsive, ATransientSilenceIsNotTold) {
  auto s = silent_leader();
  s.seen.postgres.silent_since = noon - 9s;
  EXPECT_FALSE(silent_since(s.seen));
  EXPECT_EQ(connection_problem(s.seen), "");
  s.seen.postgres.silent_since = noon - 10s;
  EXPECT_EQ(silent_since(s.seen), noon - 10s);
}

}  // namespace
}  // namespace tamada::core::testing
