// Failed actions are tried again with growing pauses, whichever rule asks for them.
#include <gtest/gtest.h>

#include "core/problems.h"
#include "core/testing/rule_cases.h"

namespace tamada::core::testing {
namespace {

// The server came up by a job that has just ended, and has crashed since.
void ends_early(Scene& s, std::uint64_t id, JobKind kind = JobKind::start) {
  s.stopped(ControlState::in_production).job(kind, JobState::succeeded, id);
  s.seen.job.ended_at = s.seen.now - 2s;
  s.seen.lease.deadline = s.seen.now + 29s;
  s.seen.lease.confirmed_at = s.seen.lease.attempted_at = s.seen.now;
  s.seen.postgres.crashed = true;
}

TEST(Retries, AConfigurationThatCouldNotBeWrittenIsTriedAgainByWhoeverRuns) {
  for (const bool paused : {false, true}) {
    for (auto s : {Scene().we_lead().primary(), Scene().b_leads().standby()}) {
      s.seen.settings.pause = paused;
      EXPECT_FALSE(find<ApplyConfiguration>(s.decide()));
      s.seen.retries["applying the configuration"] = {.failures = 1, .not_before = noon + 1s, .error = "disk full"};
      EXPECT_FALSE(find<ApplyConfiguration>(s.decide()));
      EXPECT_LE(s.decide().wake_at, noon + 1s);
      s.seen.now = noon + 1s;
      EXPECT_TRUE(find<ApplyConfiguration>(s.decide()));
      s.stopped();
      EXPECT_FALSE(find<ApplyConfiguration>(s.decide()));
    }
  }
}

TEST(Retries, AFailedActionIsNotTriedAgainBeforeItsPauseIsOver) {
  Scene s;
  s.b_leads().stopped(ControlState::shut_down_in_recovery);
  s.seen.upstream = upstream_b(4, 500);
  s.seen.upstream->same_beginning = false;
  s.seen.settings.remove_data_directory_on_diverged_timelines = true;
  EXPECT_EQ(action_names(s.decide()), ActionNames{"SetAside"});
  s.seen.retries["renaming the data directory"] = {.failures = 3, .not_before = noon + 4s, .error = "busy\nvery"};
  const auto held_back = s.decide();
  EXPECT_EQ(action_names(held_back), ActionNames{});
  EXPECT_LE(held_back.wake_at, noon + 4s);
  EXPECT_EQ(find<PublishMember>(held_back)->record.trouble, "renaming the data directory failed 3 times: busy");
  s.seen.now = noon + 4s;
  s.seen.upstream->asked_at = s.seen.now;
  EXPECT_EQ(action_names(s.decide()), ActionNames{"SetAside"});
}

TEST(Retries, FailedJobsAreTriedAgainWithGrowingPauses) {
  Scene s;
  s.b_leads().no_data();
  std::vector<Duration> pauses;
  for (std::uint64_t id = 7; id < 16; ++id) {
    s.job(JobKind::basebackup, JobState::failed, id);
    const auto decision = s.decide();
    EXPECT_EQ(action_names(decision), ActionNames{});
    s.memory = decision.memory;
    pauses.push_back(s.memory.jobs.backoff[JobKind::basebackup].not_before - s.seen.now);
    s.seen.now = s.memory.jobs.backoff[JobKind::basebackup].not_before;
    s.seen.lease.deadline = s.seen.now + 29s;
    s.seen.lease.confirmed_at = s.seen.now;
    EXPECT_EQ(action_names(s.decide()), ActionNames{"StartJob basebackup"});
  }
  EXPECT_EQ(pauses, (std::vector<Duration>{1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s, 60s}));
  // There is another leader, so the job may be tried at once.
  s.seen.cluster.leader->create_revision = 51;
  s.job(JobKind::basebackup, JobState::failed, 16);
  EXPECT_EQ(s.decide().memory.jobs.backoff.at(JobKind::basebackup).failures, 1);
}

TEST(Retries, AJobIsNotCancelledAgainWhileItEnds) {
  Scene s;
  s.b_leads().standby().job(JobKind::start, JobState::running);
  s.seen.requests.shutdown = true;
  EXPECT_EQ(action_names(s.decide()), ActionNames{"CancelJob"});
  s.seen.job.cancelled_at = noon - 1s;
  EXPECT_EQ(action_names(s.decide()), ActionNames{});
  s.seen.job.cancelled_at = noon - 5s;
  EXPECT_EQ(action_names(s.decide()), ActionNames{"CancelJob"});
}

TEST(Retries, APrimaryThatEndsAfterEachStartIsStartedWithGrowingPauses) {
  Scene s;
  s.we_lead();
  s.seen.cluster.members.erase("b");
  s.seen.cluster.members.erase("c");
  std::vector<Duration> pauses;
  ends_early(s, 1, JobKind::promote);
  auto decision = s.decide();
  EXPECT_EQ(action_names(decision), ActionNames{"StartJob start"}) << "once is chance";
  s.memory = decision.memory;
  ends_early(s, 2);
  decision = s.decide();
  EXPECT_EQ(action_names(decision), ActionNames{"StartJob start"}) << "two ends may be two accidents";
  s.memory = decision.memory;
  s.seen.now += 2s;
  for (std::uint64_t id = 3; id <= 9; ++id) {
    ends_early(s, id);
    decision = s.decide();
    EXPECT_EQ(action_names(decision), ActionNames{}) << decision.reason;
    EXPECT_TRUE(decision.reason.starts_with("starting primary after failure failed")) << decision.reason;
    s.memory = decision.memory;
    pauses.push_back(s.memory.jobs.backoff[JobKind::start].not_before - s.seen.now);
    EXPECT_LE(*decision.wake_at, s.memory.jobs.backoff[JobKind::start].not_before);
    s.seen.now = s.memory.jobs.backoff[JobKind::start].not_before;
    s.seen.lease.deadline = s.seen.now + 29s;
    decision = s.decide();
    EXPECT_EQ(action_names(decision), ActionNames{"StartJob start"}) << decision.reason;
    EXPECT_FALSE(find<StartJob>(decision)->as_standby);
    // The server runs only for a moment, so its failures are not forgotten.
    s.primary().job(JobKind::start, JobState::succeeded, id + 1).seen.job.ended_at = s.seen.now;
    s.seen.postgres.crashed = false;
    s.memory = s.decide().memory;
    EXPECT_TRUE(in_one_line(problems(s.seen, s.memory)).contains("postgres ended soon after its start"));
    s.seen.now += 2s;
  }
  EXPECT_EQ(pauses, (std::vector<Duration>{2s, 4s, 8s, 16s, 32s, 60s, 60s}));

  s.primary();
  s.seen.now += 60s;
  s.seen.lease.deadline = s.seen.now + 29s;
  s.memory = s.decide().memory;
  EXPECT_FALSE(in_one_line(problems(s.seen, s.memory)).contains("ended soon"));
  ends_early(s, 10);
  s.seen.job.ended_at = s.seen.now - 62s;
  EXPECT_EQ(action_names(s.decide()), ActionNames{"StartJob start"}) << "at once";
}

TEST(Retries, APrimaryThatEndsAfterEachStartHandsOver) {
  Scene s;
  s.we_lead();
  for (std::uint64_t id = 1; id <= 3; ++id) {
    ends_early(s, id);
    const auto decision = s.decide();
    s.memory = decision.memory;
    EXPECT_EQ(action_names(decision), id < 3 ? ActionNames{"StartJob start"} : ActionNames{"ReleaseLeader"})
        << decision.reason;
    s.seen.now += 10s;
  }
  EXPECT_EQ(s.memory.callbacks.role, "demoted");
  // No other member took the key, and it is ours again. The same server must not be started again at once.
  s.seen.cluster.leader->create_revision = 60;
  EXPECT_EQ(s.decide().memory.jobs.backoff.at(JobKind::start).failures, 2);
  s.seen.cluster.leader->name = "b";
  s.seen.cluster.leader->create_revision = 70;
  EXPECT_FALSE(s.decide().memory.jobs.backoff.contains(JobKind::start));
}

// A restart within a minute after the start, of a server whose pg_hba.conf has been broken since.
TEST(Retries, AServerThatDoesNotComeUpDoesNotCountAsOneThatEndsSoon) {
  Scene s;
  s.b_leads().standby().job(JobKind::start, JobState::succeeded, 1);
  s.memory = s.decide().memory;
  ASSERT_TRUE(s.memory.server.up_since);
  s.seen.now += 10s;
  s.stopped(ControlState::shut_down_in_recovery).job(JobKind::stop, JobState::succeeded, 2);
  s.seen.upstream = upstream_b(1, 1000);
  s.seen.upstream->asked_at = s.seen.now;
  s.memory = s.decide().memory;
  s.job(JobKind::start, JobState::failed, 3).seen.job.error = "pg_hba.conf line 3: what";
  s.seen.postgres.crashed = true;
  for (int look = 0; look < 2; ++look) {
    s.memory = s.decide().memory;
    EXPECT_EQ(s.memory.jobs.backoff.at(JobKind::start).failures, 1);
    EXPECT_EQ(s.memory.jobs.backoff.at(JobKind::start).error, "pg_hba.conf line 3: what");
  }
}

TEST(Retries, AReloadTriesAFailedStartAgainAtOnce) {
  Scene s;
  s.b_leads().stopped(ControlState::shut_down_in_recovery);
  s.seen.upstream = upstream_b(1, 1000);
  s.memory.jobs.backoff[JobKind::start] = {.failures = 6, .not_before = noon + 32s, .error = "pg_hba.conf line 3: x"};
  EXPECT_EQ(action_names(s.decide()), ActionNames{});
  s.seen.reloads = 1;
  const auto decision = s.decide();
  EXPECT_EQ(action_names(decision), ActionNames{"StartJob start"});
  EXPECT_EQ(decision.memory.jobs.backoff.at(JobKind::start).failures, 6) << "one that fails again waits for longer";
}

// PostgreSQL does not start when the newest timeline in the archive began before its last checkpoint (simulator, five
// nodes with an archive, seed 85001084: all keys were lost, and the others waited for this member for ever).
TEST(Retries, WithoutALeaderEverySecondStartStaysOnTheServersOwnTimeline) {
  Scene s;
  s.nobody_leads().stopped(ControlState::in_production);
  s.seen.postgres.control->timeline = 3;
  s.seen.postgres.control->min_recovery_timeline = 4;
  std::vector<Timeline> replayed;
  for (std::uint64_t id = 7; id < 11; ++id) {
    const auto decision = s.decide();
    const auto* start = find<StartJob>(decision);
    ASSERT_TRUE(start) << decision.reason;
    ASSERT_EQ(start->kind, JobKind::start);
    EXPECT_TRUE(start->upstream.host.empty());
    replayed.push_back(start->upstream.target_timeline);
    s.memory = decision.memory;
    s.job(JobKind::start, JobState::failed, id);
    s.memory = s.decide().memory;
    s.seen.now = s.memory.jobs.backoff.at(JobKind::start).not_before;
    s.seen.lease.deadline = s.seen.now + 29s;
    s.seen.lease.confirmed_at = s.seen.now;
  }
  EXPECT_EQ(replayed, (std::vector<Timeline>{0, 4, 0, 4}));
}

TEST(Retries, UnderAnotherLeaderAFailedStartIsTriedAgainAtOnceAndStillTold) {
  Scene s;
  s.b_leads().stopped(ControlState::shut_down_in_recovery);
  s.seen.upstream = upstream_b(1, 1000);
  s.memory.jobs.backoff[JobKind::start] = {.failures = 6, .not_before = noon + 32s, .error = "pg_hba.conf line 3: x"};
  s.memory.jobs.backoff[JobKind::basebackup] = {.failures = 1, .not_before = noon + 1s, .error = "no room"};
  s.memory.leadership.tenure = 49;
  const auto decision = s.decide();
  EXPECT_EQ(action_names(decision), ActionNames{"StartJob start"});
  EXPECT_EQ(in_one_line(problems(s.seen, decision.memory)), "start failed once: pg_hba.conf line 3: x");
}

TEST(Retries, AStandbyThatStreamsForAMomentAfterEachStartIsNoBetter) {
  Scene s;
  s.b_leads();
  for (std::uint64_t id = 1; id <= 4; ++id) {
    s.standby().job(JobKind::start, JobState::succeeded, id).seen.job.ended_at = s.seen.now;
    s.seen.postgres.crashed = false;
    s.memory = s.decide().memory;
    s.seen.now += 2s;
    s.stopped(ControlState::in_archive_recovery).seen.postgres.crashed = true;
    s.seen.upstream = upstream_b(1, 1000);
    s.seen.upstream->asked_at = s.seen.now;
    const auto decision = s.decide();
    EXPECT_EQ(action_names(decision), id < 3 ? ActionNames{"StartJob start"} : ActionNames{}) << decision.reason;
    s.memory = decision.memory;
    EXPECT_EQ(s.memory.jobs.backoff.at(JobKind::start).failures, static_cast<int>(id) - 1);
    s.seen.now += 10s;
  }
}

TEST(Retries, AStandbyThatEndsAfterEachStartIsNotStartedWithoutAPause) {
  Scene s;
  s.b_leads().stopped(ControlState::in_archive_recovery).job(JobKind::start, JobState::succeeded);
  s.seen.postgres.crashed = true;
  s.seen.upstream = upstream_b(1, 1000);
  auto decision = s.decide();
  EXPECT_EQ(action_names(decision), ActionNames{"StartJob start"}) << "once is chance";
  s.memory = decision.memory;
  ++s.seen.job.id;
  decision = s.decide();
  EXPECT_EQ(action_names(decision), ActionNames{"StartJob start"}) << "two ends may be two accidents";
  s.memory = decision.memory;
  ++s.seen.job.id;
  decision = s.decide();
  EXPECT_EQ(action_names(decision), ActionNames{});
  EXPECT_EQ(
      decision.reason,
      "starting postgres failed 2 times, it is tried again: postgres ended soon after its start; its log says why");
  s.memory = decision.memory;
  s.seen.now = noon + 2s;
  s.seen.upstream->asked_at = s.seen.now;
  EXPECT_EQ(action_names(s.decide()), ActionNames{"StartJob start"});
}

}  // namespace
}  // namespace tamada::core::testing
