// In pause nothing happens by itself except what Patroni's page on pause mode names.
#include <gtest/gtest.h>

#include "core/testing/rule_cases.h"

namespace tamada::core::testing {
namespace {

const Case pause_cases[] = {
    {"leader_keeps_its_keys",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.settings.pause = true;
     },
     "leader",
     {"WriteStatus"}},
    {"leader_whose_postgres_was_stopped_by_hand_gives_the_key_up",
     [](Scene& s) {
       s.we_lead().primary().stopped(ControlState::shut_down);
       s.seen.settings.pause = true;
     },
     "paused",
     {"ReleaseLeader"}},
    {"stopped_standby_stays",
     [](Scene& s) {
       s.b_leads().stopped(ControlState::shut_down_in_recovery);
       s.seen.settings.pause = true;
     },
     "paused",
     {}},
    {"primary_without_the_key_goes_on",
     [](Scene& s) {
       s.b_leads().primary();
       s.seen.settings.pause = true;
     },
     "paused",
     {}},
    {"standby_does_not_race",
     [](Scene& s) {
       s.nobody_leads().standby().dead_peer("b").dead_peer("c");
       s.seen.settings.pause = true;
     },
     "paused",
     {}},
    {"restart_on_request",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.settings.pause = true;
       s.seen.requests.restart.emplace();
     },
     "restart",
     {"ForgetRequests", "StartJob stop"}},
    {"a_fresh_copy_on_request",
     [](Scene& s) {
       s.b_leads().no_data();
       s.seen.settings.pause = true;
       s.memory.restarting.emplace();
     },
     "create_replica",
     {"StartJob basebackup"}},
    {"and_it_is_started_again",
     [](Scene& s) {
       s.we_lead().primary().stopped(ControlState::shut_down).job(JobKind::stop, JobState::succeeded);
       s.seen.settings.pause = true;
       s.memory.restarting.emplace();
     },
     "recover",
     {"StartJob start"}},
};

INSTANTIATE_TEST_SUITE_P(Pause, Rules, ::testing::ValuesIn(known(pause_cases)), case_name);

struct Paused : Scene {
  Paused() { seen.settings.pause = true; }
};

TEST(Paused, AStandbyGoesOverToALeaderThatWasPromotedByHand) {
  Paused scene;
  scene.standby().leader_is("c", their_lease);  // its server follows b
  scene.seen.cluster.members["c"].role = "primary";
  scene.seen.cluster.members["c"].timeline = 2;
  EXPECT_EQ(action_names(scene.decide()), std::vector<std::string>{"AskUpstream"});
  scene.seen.upstream = UpstreamView{.member = "c",
                                     .reachable = true,
                                     .in_recovery = false,
                                     .timeline = 2,
                                     .history = {{.timeline = 1, .lsn = 1000}},
                                     .asked_at = noon};
  scene.seen.own_timeline = UpstreamView{.reachable = true, .timeline = 1, .lsn = 1000};
  const auto decision = scene.decide();
  ASSERT_EQ(action_names(decision), std::vector<std::string>{"Follow"}) << decision.reason;
  EXPECT_EQ(find<Follow>(decision)->upstream.member, "c");
}

TEST(Paused, AStandbyOfTheLeaderIsLeftAlone) {
  Paused scene;
  scene.standby().b_leads();
  scene.seen.postgres.sql->replication_state.clear();
  scene.memory.server.not_streaming_since = noon - 1h;
  EXPECT_TRUE(action_names(scene.decide()).empty());
}

TEST(Paused, ADivergedStandbyIsNotStopped) {
  Paused scene;
  scene.standby(1000, 3).leader_is("c", their_lease);
  scene.seen.cluster.members["c"].role = "primary";
  scene.seen.cluster.members["c"].timeline = 2;
  scene.seen.upstream = UpstreamView{.member = "c",
                                     .reachable = true,
                                     .in_recovery = false,
                                     .system_identifier = "7000000000000000001",
                                     .timeline = 2,
                                     .lsn = 2000,
                                     .history = {{1, 500, "", "", ""}},
                                     .asked_at = noon};
  scene.seen.own_timeline = UpstreamView{.member = "a",
                                         .reachable = true,
                                         .system_identifier = "7000000000000000001",
                                         .timeline = 3,
                                         .lsn = 1000,
                                         .history = {{1, 400, "", "", ""}, {2, 600, "", "", ""}},
                                         .asked_at = noon};
  const auto decision = scene.decide();
  EXPECT_TRUE(action_names(decision).empty()) << decision.reason;
  EXPECT_EQ(decision.reason, "PAUSE: the timeline has diverged from c's");
}

// Found by simulation (seed 3256052): the candidate of a switchover did not know how far the old leader had been.
TEST(Paused, ACleanlyStoppedLeaderTellsItsPosition) {
  Paused scene;
  scene.we_lead().primary().stopped(ControlState::shut_down);
  scene.seen.postgres.control->checkpoint = 900;
  const auto stopped = scene.decide();
  ASSERT_TRUE(find<ReleaseLeader>(stopped)) << stopped.reason;
  EXPECT_EQ(find<ReleaseLeader>(stopped)->optime, 900);
  scene.stopped(ControlState::in_production);
  scene.seen.postgres.control->checkpoint = 900;
  const auto crashed = scene.decide();
  ASSERT_TRUE(find<ReleaseLeader>(crashed)) << crashed.reason;
  // After a crash the end of the WAL is not known, because it is beyond the last checkpoint.
  EXPECT_EQ(find<ReleaseLeader>(crashed)->optime, std::nullopt);
}

// The server may answer again, and it would be a primary then.
TEST(Paused, AServerThatDoesNotAnswerKeepsTheKey) {
  for (const auto state : {ProcessState::unresponsive, ProcessState::starting}) {
    Paused scene;
    scene.primary().we_lead();
    scene.seen.postgres.process = state;
    scene.seen.postgres.sql.reset();
    const auto decision = scene.decide();
    EXPECT_TRUE(action_names(decision).empty()) << decision.reason;
  }
}

TEST(Paused, ALeaderThatIsNoPrimaryAnyMoreReleasesTheKey) {
  Paused scene;
  scene.stopped(ControlState::shut_down).we_lead();
  EXPECT_EQ(action_names(scene.decide()), std::vector<std::string>{"ReleaseLeader"});
}

TEST(Paused, ASecondPrimaryIsOnlyWarnedOf) {
  Paused scene;
  scene.primary().b_leads();
  const auto decision = scene.decide();
  EXPECT_TRUE(action_names(decision).empty());
  EXPECT_EQ(decision.severity, Severity::warning);
}

}  // namespace
}  // namespace tamada::core::testing
