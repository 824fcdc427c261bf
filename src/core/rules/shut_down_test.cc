#include <gtest/gtest.h>

#include "core/testing/rule_cases.h"

namespace tamada::core::testing {
namespace {

// The leader's server has written its shutdown checkpoint at 900, and archive_command hangs.
Scene& hanging_archiver(Scene& s) {
  s.we_lead().primary().job(JobKind::stop, JobState::running);
  s.seen.postgres.sql.reset();
  s.seen.postgres.process = ProcessState::stopping;
  s.seen.postgres.control->state = ControlState::shut_down;
  s.seen.postgres.wal_to_archive = 3;
  s.memory.hand_over.why = "switchover";
  s.memory.server.shut_down_since = noon - 3s;
  return s.peer("b", true, 901).peer("c", true, 900);
}

TEST(ShutDown, TheKeyGoesWhenSomebodyHasAllWal) {
  Scene s;
  hanging_archiver(s);
  const auto decision = s.decide();
  EXPECT_EQ(decision.rule, "shut_down");
  EXPECT_EQ(decision.reason,
            "switchover: PostgreSQL has shut down, except for archive_command, which still has to archive 3 WAL files; "
            "the leader key "
            "is free: b has all WAL");
  ASSERT_TRUE(find<ReleaseLeader>(decision));
  EXPECT_EQ(find<ReleaseLeader>(decision)->optime, 900);
  EXPECT_EQ(decision.memory.hand_over.why, "");
  EXPECT_FALSE(decision.memory.fence.until);  // it cannot write
  // Another member leads, so archive_command may take its time.
  s.b_leads();
  s.memory = decision.memory;
  EXPECT_EQ(action_names(s.decide()), ActionNames{});
  EXPECT_EQ(
      s.decide().reason,
      "stop in progress: PostgreSQL has shut down, except for archive_command, which still has to archive 3 WAL files");
  EXPECT_EQ(find<PublishMember>(s.decide())->record.trouble,
            "PostgreSQL has shut down, except for archive_command, which still has to archive 3 WAL files");
}

TEST(ShutDown, NoOtherMemberGetsTheKey) {
  const auto kept = [](auto&& change) {
    Scene s;
    hanging_archiver(s);
    change(s);
    const auto decision = s.decide();
    return !find<ReleaseLeader>(decision) && action_names(decision) == ActionNames{};
  };
  EXPECT_TRUE(kept([](Scene& s) { s.seen.peers["b"].lsn = 900; }));  // lacks the shutdown checkpoint
  EXPECT_TRUE(kept([](Scene& s) { s.seen.peers["b"].timeline = 2; }));
  EXPECT_TRUE(kept([](Scene& s) { s.seen.peers["b"].nofailover = true; }));
  EXPECT_TRUE(kept([](Scene& s) { s.seen.cluster.failover = FailoverRequest{.leader = "a", .candidate = "c"}; }));
  EXPECT_TRUE(kept([](Scene& s) {
    s.seen.settings.synchronous_mode = SynchronousMode::on;
    s.seen.cluster.sync = SyncState{.leader = "a", .standbys = {"c"}};
  }));
  // The server still writes: the control file does not say "shut down".
  EXPECT_TRUE(kept([](Scene& s) { s.seen.postgres.control->state = ControlState::shutting_down; }));
  // The server starts, and the control file still shows the shutdown before.
  EXPECT_TRUE(kept([](Scene& s) { s.seen.postgres.process = ProcessState::starting; }));
}

TEST(ShutDown, ItDoesNotWaitWithoutEnd) {
  Scene s;
  hanging_archiver(s).dead_peer("b");
  s.seen.cluster.failover = FailoverRequest{.leader = "a", .candidate = "b", .revision = 60};
  s.memory.server.shut_down_since = noon - 30s;
  EXPECT_EQ(action_names(s.decide()), ActionNames{"CancelJob"});
  s.job(JobKind::stop, JobState::failed);
  const auto given_up = s.decide();
  Scene ending = s;
  ending.job(JobKind::stop, JobState::running).seen.job.immediate_at = noon;
  EXPECT_EQ(action_names(ending.decide()), ActionNames{});
  EXPECT_EQ(action_names(given_up), (ActionNames{"ClearFailover", "StartJob stop"}));
  EXPECT_EQ(given_up.memory.hand_over.why, "");
  s.memory = given_up.memory;
  s.job(JobKind::stop, JobState::succeeded, 8).stopped(ControlState::shut_down);
  s.seen.cluster.failover.reset();
  EXPECT_EQ(find<StartJob>(s.decide())->as_standby, false);  // the leader goes on
}

TEST(ShutDown, ARestartKeepsTheKey) {
  Scene s;
  hanging_archiver(s).memory.hand_over.why.clear();
  s.memory.restarting = Restarting{.after_job = 6};
  EXPECT_EQ(action_names(s.decide()), ActionNames{});
  s.memory.server.shut_down_since = noon - 10s;
  EXPECT_EQ(action_names(s.decide()), ActionNames{"CancelJob"});
}

}  // namespace
}  // namespace tamada::core::testing
