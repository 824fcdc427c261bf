#include <gtest/gtest.h>

#include "core/problems.h"
#include "core/rewind.h"
#include "core/testing/rule_cases.h"

namespace tamada::core::testing {
namespace {

TEST(Decide, ARewindThatDidNotHelpIsNotTriedAgain) {
  Scene s;
  s.b_leads().silent_standby();
  s.memory.rewind.done = true;
  s.seen.settings.remove_data_directory_on_rewind_failure = true;
  s.seen.upstream = upstream_b(2, 900);
  s.seen.own_timeline = own(1, 1000);
  auto decision = s.decide();
  EXPECT_EQ(action_names(decision), std::vector<std::string>{"StartJob stop"});
  s.memory = decision.memory;
  s.stopped(ControlState::shut_down_in_recovery);
  s.seen.postgres.control->timeline = 1;
  s.seen.postgres.control->checkpoint = 950;
  EXPECT_EQ(action_names(s.decide()), std::vector<std::string>{"SetAside"});
}

// A failure before pg_rewind itself is started can be removed on the source, for example a missing right.
TEST(Decide, ARewindThatCouldNotBeginIsTriedAgainWithGrowingPauses) {
  Scene s;
  s.b_leads().stopped(ControlState::in_production);
  std::vector<Duration> pauses;
  for (std::uint64_t id = 1; id <= 3; ++id) {
    s.job(JobKind::rewind, JobState::failed, id);
    s.seen.job.ended_at = s.seen.now;
    s.seen.job.error = "the user rewinder lacks rights";
    s.memory = s.decide().memory;
    s.seen.upstream = upstream_b(2, 1000);
    s.seen.upstream->asked_at = s.seen.now;
    auto decision = s.decide();
    EXPECT_EQ(action_names(decision), std::vector<std::string>{}) << decision.reason;
    EXPECT_TRUE(decision.reason.contains("the user rewinder lacks rights")) << decision.reason;
    ASSERT_TRUE(decision.wake_at);
    pauses.push_back(*decision.wake_at - s.seen.now);
    s.seen.now = *decision.wake_at;
    s.seen.upstream->asked_at = s.seen.now;
    EXPECT_EQ(action_names(s.decide()), std::vector<std::string>{"StartJob rewind"});
  }
  EXPECT_EQ(pauses, (std::vector<Duration>{1s, 2s, 4s}));
  EXPECT_TRUE(in_one_line(problems(s.seen, s.memory)).contains("failed 3 times: the user rewinder lacks rights"));

  // If pg_rewind itself has failed, a repetition is not known to help.
  s.job(JobKind::rewind, JobState::failed, 4).seen.job.step = rewind_step;
  s.memory = s.decide().memory;
  s.seen.now += 60s;
  s.seen.upstream->asked_at = s.seen.now;
  EXPECT_EQ(action_names(s.decide()), std::vector<std::string>{"StartJob start"});
}

// Found by simulation (seed 830006270): the standby leader went over to the remote server's history, and this member's
// server received WAL of it although it has another history of the same number.
TEST(Decide, AStandbyThatHasDivergedForGoodFollowsNobody) {
  Scene s;
  s.b_leads().silent_standby();
  s.seen.settings.use_pg_rewind = false;
  s.seen.upstream = upstream_b(2, 900);
  s.seen.own_timeline = own(1, 1000);
  auto decision = s.decide();
  ASSERT_EQ(action_names(decision), std::vector<std::string>{"Follow"}) << decision.reason;
  EXPECT_TRUE(decision.reason.contains("has diverged from b's")) << decision.reason;
  EXPECT_EQ(find<Follow>(decision)->upstream.host, "");
  s.seen.postgres.following = Upstream{};
  decision = s.decide();
  EXPECT_EQ(action_names(decision), std::vector<std::string>{}) << decision.reason;
  EXPECT_TRUE(decision.reason.contains("has diverged from b's")) << decision.reason;
  s.seen.upstream = upstream_b(2, 2000);
  decision = s.decide();
  ASSERT_EQ(action_names(decision), std::vector<std::string>{"Follow"}) << decision.reason;
  EXPECT_EQ(find<Follow>(decision)->upstream.member, "b") << "it left our timeline after our position";
}

}  // namespace
}  // namespace tamada::core::testing
