#include <gtest/gtest.h>

#include <functional>

#include "core/presentation.h"
#include "core/testing/scene.h"
#include "core/upstream.h"

namespace tamada::core::testing {
namespace {

using ActionNames = std::vector<std::string>;

Upstream remote() { return remote_upstream({.host = "far", .port = "5432", .primary_slot_name = "s"}); }

void far_away_is(Scene& s, Timeline timeline, bool in_recovery = false) {
  s.seen.upstream = UpstreamView{.member = "remote_member",
                                 .reachable = true,
                                 .in_recovery = in_recovery,
                                 .system_identifier = {},
                                 .timeline = timeline,
                                 .lsn = 5000,
                                 .history = {},
                                 .our_history = {},
                                 .asked_at = noon,
                                 .error = {}};
  for (Timeline past = 1; past < timeline; ++past) s.seen.upstream->history.push_back({.timeline = past, .lsn = 500});
}

FailoverRequest failover_request(std::string leader, std::string candidate) {
  return {.leader = std::move(leader), .candidate = std::move(candidate), .scheduled_at = {}, .revision = 60};
}

struct StandbyCase {
  const char* name;
  std::function<void(Scene&)> facts;
  std::string rule;
  ActionNames action_names;
};

class StandbyCluster : public ::testing::TestWithParam<StandbyCase> {};

TEST_P(StandbyCluster, Decide) {
  Scene scene;
  scene.seen.settings.standby_cluster = core::StandbyCluster{.host = "far", .port = "5432", .primary_slot_name = "s"};
  scene.seen.cluster.status =
      Status{.optime = 1000, .slots = {{"a", 1000}, {"b", 1000}, {"c", 1000}}, .retain_slots = {"a", "b", "c"}};
  GetParam().facts(scene);
  const auto decision = scene.decide();
  EXPECT_EQ(decision.rule, GetParam().rule) << decision.reason;
  EXPECT_EQ(action_names(decision), GetParam().action_names) << decision.reason;
}

const StandbyCase standby_cases[] = {
    {"the_leader_is_no_primary",
     [](Scene& s) {
       s.we_lead().standby();
       s.seen.postgres.following = remote();
     },
     "standby_leader",
     {}},
    {"it_follows_the_remote_server", [](Scene& s) { s.we_lead().standby(); }, "standby_leader", {"Follow"}},
    {"a_change_of_its_slot_is_followed",
     [](Scene& s) {
       s.we_lead().standby();
       s.seen.postgres.following = remote();
       s.seen.postgres.following->slot = "old";
     },
     "standby_leader",
     {"Follow"}},
    {"it_keeps_the_keys",
     [](Scene& s) {
       s.we_lead().standby(2000);
       s.seen.postgres.following = remote();
       s.seen.cluster.initialize.reset();
       s.memory.written.status_at = noon - 10s;
     },
     "standby_leader",
     {"WriteInitialize", "WriteStatus"}},
    {"the_section_is_removed",
     [](Scene& s) {
       s.we_lead().standby();
       s.seen.settings.standby_cluster.reset();
     },
     "promote",
     {"StartJob promote"}},
    {"the_section_is_added", [](Scene& s) { s.we_lead().primary(); }, "standby_leader", {"StartJob stop"}},
    {"its_server_stopped",
     [](Scene& s) {
       s.we_lead().stopped(ControlState::shut_down_in_recovery);
       far_away_is(s, 1);
     },
     "rejoin",
     {"StartJob start"}},
    {"demoted_it_follows_who_was_promoted_meanwhile",
     [](Scene& s) {
       s.we_lead().stopped(ControlState::shut_down);
       s.seen.postgres.control->checkpoint = 400;
       far_away_is(s, 2);
     },
     "rejoin",
     {"StartJob start"}},
    {"or_is_rewound",
     [](Scene& s) {
       s.we_lead().stopped(ControlState::shut_down);
       far_away_is(s, 2);
     },
     "rejoin",
     {"StartJob rewind"}},
    {"it_need_not_wait_for_a_primary_far_away",
     [](Scene& s) {
       s.we_lead().stopped(ControlState::shut_down);
       far_away_is(s, 1, true);
     },
     "rejoin",
     {"StartJob start"}},
    {"a_failed_start_gives_the_key_to_others",
     [](Scene& s) { s.we_lead().stopped().job(JobKind::start, JobState::failed); },
     "standby_leader",
     {"ReleaseLeader"}},
    {"by_the_archive_alone",
     [](Scene& s) {
       s.seen.settings.standby_cluster = core::StandbyCluster{.restore_command = "cp"};
       s.we_lead().standby(1000, 1, "in archive recovery");
       s.seen.postgres.following = remote_upstream(*s.seen.settings.standby_cluster);
     },
     "standby_leader",
     {}},
    {"a_replica_follows_the_standby_leader", [](Scene& s) { s.b_leads().standby(); }, "replica", {}},
    {"a_primary_is_none_here", [](Scene& s) { s.b_leads().primary(); }, "demote", {"StartJob stop"}},
    {"the_healthiest_takes_over",
     [](Scene& s) { s.nobody_leads().standby().peer("b", true, 900).peer("c", true, 900); },
     "race",
     {"AcquireLeader"}},
    {"wiped_keys_are_no_danger",
     [](Scene& s) {
       s.nobody_leads().standby().peer("b", true, 900).dead_peer("c");
       s.memory.leadership.last_leader = "c";
       s.seen.cluster.initialize.reset();
     },
     "race",
     {"AcquireLeader"}},
    {"switchover_needs_no_stop",
     [](Scene& s) {
       s.we_lead().standby().peer("b", true, 1000).peer("c", true, 1000);
       s.memory.hand_over.request = 60;
       s.seen.cluster.failover = failover_request("a", "b");
     },
     "switchover",
     {"ReleaseLeader"}},
    {"after_it_the_new_one_clears_the_request",
     [](Scene& s) {
       s.we_lead().standby();
       s.seen.cluster.failover = failover_request("b", "a");
     },
     "switchover",
     {"ClearFailover"}},
    {"in_pause_it_stays_the_leader",
     [](Scene& s) {
       s.we_lead().standby();
       s.seen.postgres.following = remote();
       s.seen.settings.pause = true;
     },
     "standby_leader",
     {}},
    {"its_first_member_is_a_copy",
     [](Scene& s) {
       s.nobody_leads().no_data();
       s.bootstrapping();
     },
     "bootstrap",
     {"StartJob basebackup"}},
    {"which_then_leads",
     [](Scene& s) {
       s.nobody_leads().stopped().job(JobKind::basebackup, JobState::succeeded);
       s.bootstrapping();
     },
     "bootstrap",
     {"WriteInitialize", "WriteConfig", "AcquireLeader"}},
};
INSTANTIATE_TEST_SUITE_P(Rules, StandbyCluster, ::testing::ValuesIn(standby_cases),
                         [](const auto& i) { return i.param.name; });

TEST(StandbyClusters, Role) {
  Scene scene;
  scene.seen.settings.standby_cluster = core::StandbyCluster{.host = "far"};
  scene.we_lead().standby();
  EXPECT_EQ(role_word(scene.seen, scene.memory), "standby_leader");
  scene.b_leads();
  EXPECT_EQ(role_word(scene.seen, scene.memory), "replica");
}

TEST(StandbyClusters, TheDemotedPrimaryArchivesItsEnd) {
  Scene scene;
  scene.seen.settings.standby_cluster = core::StandbyCluster{.host = "far"};
  const auto decision = scene.we_lead().primary().decide();
  const auto* stop = find<StartJob>(decision);
  ASSERT_TRUE(stop);
  EXPECT_TRUE(stop->archive_last_wal && stop->checkpoint_first);
  EXPECT_EQ(stop->stop_mode, StopMode::fast);
}

TEST(StandbyClusters, CopiesAreMadeByItsOwnMethods) {
  using Names = std::vector<std::string>;
  Scene scene;
  scene.b_leads().no_data();
  const auto methods = [&scene] { return find<StartJob>(scene.decide())->replica_methods; };
  EXPECT_EQ(methods(), Names{});  // the methods of the node's own configuration
  scene.seen.settings.standby_cluster = core::StandbyCluster{.host = "far"};
  EXPECT_EQ(methods(), Names{"basebackup"});
  scene.seen.settings.standby_cluster->create_replica_methods = {"backup", "basebackup"};
  EXPECT_EQ(methods(), (Names{"backup", "basebackup"}));
  scene.memory.data.copy_from_leader = true;  // reinit --from-leader
  EXPECT_EQ(methods(), Names{"basebackup"});
  scene.nobody_leads();
  scene.memory.data.copy_from_leader = false;
  scene.bootstrapping();
  EXPECT_EQ(methods(), (Names{"backup", "basebackup"}));
}

// After the remote server's failover to one that lacks our last WAL, without pg_rewind. No other member has other data.
// A replica that diverged from the remote server follows nobody. It follows the standby leader again only when the
// remote server's answer shows that it has not diverged.
TEST(StandbyClusters, WhoHasDivergedAsksTheRemoteServerBeforeItFollows) {
  Scene scene;
  scene.b_leads().silent_standby(1000);
  scene.seen.settings.standby_cluster = core::StandbyCluster{.host = "far", .port = "5432"};
  scene.seen.settings.use_pg_rewind = false;
  scene.seen.postgres.following = Upstream{};
  scene.seen.own_timeline = UpstreamView{.reachable = true, .in_recovery = true, .timeline = 1, .lsn = 1000};
  EXPECT_EQ(action_names(scene.decide()), ActionNames{"AskUpstream"});
  far_away_is(scene, 2);
  EXPECT_EQ(action_names(scene.decide()), ActionNames{}) << "it left our timeline at 500";
  scene.seen.upstream->reachable = false;
  EXPECT_EQ(action_names(scene.decide()), ActionNames{});
  far_away_is(scene, 1);
  EXPECT_EQ(action_names(scene.decide()), ActionNames{"Follow"});
}

TEST(StandbyClusters, ALeaderThatDoesNotStreamIsCopiedAnewOnRequest) {
  Scene scene;
  scene.we_lead().standby();
  scene.seen.settings.standby_cluster = core::StandbyCluster{.host = "far"};
  scene.seen.requests.reinitialize = true;
  scene.seen.postgres.sql->replication_state = "streaming";
  EXPECT_EQ(action_names(scene.decide()), ActionNames{"ForgetRequests"});
  scene.seen.postgres.sql->replication_state = "";
  EXPECT_EQ(action_names(scene.decide()), ActionNames{"StartJob stop"});

  scene.stopped();
  const auto aside = scene.decide();
  EXPECT_TRUE(find<SetAside>(aside));
  scene.memory = aside.memory;
  scene.seen.requests = {};
  scene.no_data();
  const auto copy = scene.decide();
  EXPECT_EQ(copy.reason, "copying the remote server anew");
  EXPECT_EQ(action_names(copy).back(), "StartJob basebackup");
  ASSERT_TRUE(find<StartJob>(copy));
  EXPECT_EQ(find<StartJob>(copy)->upstream.host, "far");
  EXPECT_FALSE(find<ReleaseLeader>(copy));

  scene.memory.data.copy_from_remote = false;
  EXPECT_TRUE(find<ReleaseLeader>(scene.decide())) << "its data have vanished: another member leads";
}

TEST(Upstreams, WhoFollowsWhom) {
  Scene scene;
  scene.b_leads().standby();
  EXPECT_EQ(wanted_upstream(scene.seen)->member, "b");
  scene.seen.settings.tags.replicatefrom = "c";
  EXPECT_EQ(wanted_upstream(scene.seen)->member, "c");
  scene.seen.cluster.members["c"].state = "stopped";
  EXPECT_EQ(wanted_upstream(scene.seen)->member, "b");
  scene.seen.settings.standby_cluster =
      core::StandbyCluster{.host = "far", .restore_command = "r", .recovery_min_apply_delay = "1h"};
  EXPECT_EQ(wanted_upstream(scene.seen)->restore_command, "r");
  EXPECT_EQ(wanted_upstream(scene.seen)->recovery_min_apply_delay, "");  // it applies only to the standby leader
  EXPECT_EQ(history_source(scene.seen)->host, "far");
  scene.seen.settings.tags.nostream = true;
  EXPECT_EQ(wanted_upstream(scene.seen)->host, "");
}

TEST(Upstreams, NostreamRecoversFromTheArchive) {
  Scene scene;
  scene.b_leads().standby(1000, 1, "in archive recovery");
  scene.seen.settings.tags.nostream = true;
  EXPECT_EQ(action_names(scene.decide()), (ActionNames{"Follow"}));
  scene.seen.postgres.following = Upstream{};
  const auto decision = scene.decide();
  EXPECT_EQ(action_names(decision), ActionNames{});
  EXPECT_EQ(decision.reason, "no action. I am (a), a secondary, and following a leader (b)");
}

}  // namespace
}  // namespace tamada::core::testing
