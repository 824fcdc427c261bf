#include <gtest/gtest.h>

#include "core/testing/rule_cases.h"

namespace tamada::core::testing {
namespace {

const Case replica_cases[] = {
    {"once_it_streams_what_it_replaced_may_go",
     [](Scene& s) { s.b_leads().standby().seen.postgres.superseded_data = true; },
     "replica",
     {"RemoveSuperseded"}},
    {"but_not_before",
     [](Scene& s) { s.b_leads().standby(1000, 1, "").seen.postgres.superseded_data = true; },
     "replica",
     {}},
    {"whose_configuration_somebody_overrode_takes_it_back",
     [](Scene& s) { s.b_leads().standby().seen.postgres.configuration_is_current = false; },
     "replica",
     {"ApplyConfiguration"}},
    {"quiet_replica", [](Scene& s) { s.b_leads().standby(); }, "replica", {}},
    {"asks_a_new_leader_first", [](Scene& s) { s.leader_is("c", their_lease).standby(); }, "replica", {"AskUpstream"}},
    {"follows_the_new_leader",
     [](Scene& s) {
       s.leader_is("c", their_lease).standby();
       s.seen.upstream = upstream_b(2, 1000);
       s.seen.upstream->member = "c";
       s.seen.own_timeline = own(1, 1000);
     },
     "replica",
     {"Follow"}},
    {"unless_that_left_its_timeline_before_its_position",
     [](Scene& s) {
       s.leader_is("c", their_lease).standby();
       s.seen.upstream = upstream_b(2, 900);
       s.seen.upstream->member = "c";
       s.seen.own_timeline = own(1, 1000);
     },
     "replica",
     {"StartJob stop"}},
    {"primary_without_the_key_stops_at_once", [](Scene& s) { s.b_leads().primary(); }, "demote", {"StartJob stop"}},
    {"crashed_standby_asks_first",
     [](Scene& s) { s.b_leads().stopped(ControlState::in_archive_recovery); },
     "rejoin",
     {"AskUpstream"}},
    {"clean_old_primary_follows",
     [](Scene& s) {
       s.b_leads().stopped(ControlState::shut_down);
       s.seen.upstream = upstream_b(2, 1000);
     },
     "rejoin",
     {"StartJob start"}},
    {"old_primary_with_more_wal_rewinds",
     [](Scene& s) {
       s.b_leads().stopped(ControlState::shut_down);
       s.seen.upstream = upstream_b(2, 900);
     },
     "rejoin",
     {"StartJob rewind"}},
    {"crashed_old_primary_rewinds",
     [](Scene& s) {
       s.b_leads().stopped(ControlState::in_production);
       s.seen.upstream = upstream_b(2, 1000);
     },
     "rejoin",
     {"StartJob rewind"}},
    {"a_failed_rewind_is_not_taken_for_done",
     [](Scene& s) {
       s.b_leads().stopped(ControlState::in_production).job(JobKind::rewind, JobState::failed);
       s.seen.upstream = upstream_b(2, 1000);
     },
     "rejoin",
     {}},
    {"half_rewound_data_are_kept",
     [](Scene& s) { s.b_leads().stopped().seen.postgres.data_directory = DataDirectory::half_rewound; },
     "half_rewound",
     {}},
    {"also_while_nobody_leads",
     [](Scene& s) { s.nobody_leads().stopped().seen.postgres.data_directory = DataDirectory::half_rewound; },
     "half_rewound",
     {}},
    {"and_give_way_to_a_copy_by_consent",
     [](Scene& s) {
       s.b_leads().stopped().seen.postgres.data_directory = DataDirectory::half_rewound;
       s.seen.settings.remove_data_directory_on_rewind_failure = true;
     },
     "create_replica",
     {"StartJob basebackup"}},
    {"or_on_request",
     [](Scene& s) {
       s.b_leads().stopped().seen.postgres.data_directory = DataDirectory::half_rewound;
       s.seen.requests.reinitialize = true;
     },
     "reinitialize",
     {"SetAside", "ForgetRequests"}},
    {"whoever_started_a_server_on_them_it_is_stopped",
     [](Scene& s) { s.b_leads().standby().seen.postgres.data_directory = DataDirectory::half_rewound; },
     "half_rewound",
     {"StartJob stop"}},
    {"they_lead_nobody",
     [](Scene& s) { s.we_lead().stopped().seen.postgres.data_directory = DataDirectory::half_rewound; },
     "half_rewound",
     {"ReleaseLeader"}},
    {"after_a_failed_rewind_a_copy_where_allowed",
     [](Scene& s) {
       s.b_leads().stopped(ControlState::in_production);
       s.memory.rewind.failed = true;
       s.seen.settings.remove_data_directory_on_rewind_failure = true;
       s.seen.upstream = upstream_b(2, 1000);
     },
     "rejoin",
     {"SetAside"}},
    {"after_a_rewind_it_follows",
     [](Scene& s) { s.b_leads().stopped(ControlState::in_archive_recovery).job(JobKind::rewind, JobState::succeeded); },
     "rejoin",
     {"StartJob start"}},
    {"waits_for_the_leader_to_promote",
     [](Scene& s) {
       s.b_leads().stopped(ControlState::shut_down);
       s.seen.upstream = upstream_b(1, 0);
       s.seen.upstream->in_recovery = true;
     },
     "rejoin",
     {}},
    {"not_streaming_standby_asks_why", [](Scene& s) { s.b_leads().silent_standby(); }, "replica", {"AskUpstream"}},
    {"diverged_standby_stops_for_rewind",
     [](Scene& s) {
       s.b_leads().silent_standby();
       s.seen.upstream = upstream_b(2, 900);
       s.seen.own_timeline = own(1, 1000);
     },
     "replica",
     {"StartJob stop"}},
    // Its WAL receiver connects and is sent away each second. This was seen on a busy machine, for 90 s.
    {"standby_beyond_the_fork_does_not_stream_though_it_is_connected",
     [](Scene& s) {
       s.b_leads().standby(1000, 1);
       s.seen.cluster.history = {{{.timeline = 1, .lsn = 900}}};
     },
     "replica",
     {"AskUpstream"}},
    {"and_is_stopped_for_a_rewind_at_once",
     [](Scene& s) {
       s.b_leads().standby(1000, 1);
       s.seen.cluster.history = {{{.timeline = 1, .lsn = 900}}};
       s.seen.upstream = upstream_b(2, 900);
       s.seen.own_timeline = own(1, 1000);
     },
     "replica",
     {"StartJob stop"}},
    {"at_the_fork_it_streams",
     [](Scene& s) {
       s.b_leads().standby(900, 1);
       s.seen.cluster.history = {{{.timeline = 1, .lsn = 900}}};
     },
     "replica",
     {}},
    {"an_answer_counts_for_the_first_decision_however_long_the_look_at_the_server_took",
     [](Scene& s) {
       s.b_leads().silent_standby();
       s.seen.upstream = upstream_b(2, 900);
       s.seen.upstream->asked_at = noon - 3s;
       s.memory.answers.upstream_seen = noon - 5s;
       s.seen.own_timeline = own(1, 1000);
     },
     "replica",
     {"StartJob stop"}},
    {"and_not_for_the_next_one",
     [](Scene& s) {
       s.b_leads().silent_standby();
       s.seen.upstream = upstream_b(2, 900);
       s.seen.upstream->asked_at = s.memory.answers.upstream_seen = noon - 3s;
       s.seen.own_timeline = own(1, 1000);
     },
     "replica",
     {"AskUpstream"}},
    {"nor_when_it_is_of_before_a_freeze",
     [](Scene& s) {
       s.b_leads().standby(1000, 1, "");
       s.memory.server.not_streaming_since = noon - 60s;
       s.seen.upstream = upstream_b(2, 900);
       s.seen.upstream->asked_at = noon - 50s;
       s.seen.own_timeline = own(1, 1000);
     },
     "replica",
     {"AskUpstream"}},
    {"standby_with_more_than_a_leader_that_is_yet_to_be_promoted_waits",
     [](Scene& s) {
       s.b_leads().standby(1000, 1, "");
       s.seen.postgres.following.reset();
       s.seen.upstream = upstream_b(1, 0);
       s.seen.upstream->in_recovery = true;
       s.seen.upstream->history.clear();
       s.seen.upstream->lsn = 999;
     },
     "replica",
     {}},
    {"standby_with_no_more_than_that_follows_at_once",
     [](Scene& s) {
       s.b_leads().standby(1000, 1, "");
       s.seen.postgres.following.reset();
       s.seen.upstream = upstream_b(1, 0);
       s.seen.upstream->in_recovery = true;
       s.seen.upstream->history.clear();
       s.seen.upstream->lsn = 1000;
     },
     "replica",
     {"Follow"}},
    {"standby_of_the_leaders_timeline_looks_before_following",
     [](Scene& s) {
       s.b_leads().standby(1000, 2, "");
       s.seen.postgres.following.reset();
       s.seen.cluster.members["b"].timeline = 2;
       s.seen.cluster.members["b"].role = "primary";
     },
     "replica",
     {"AskUpstream"}},
    // Found by simulation (seeds 70010675, 70013463, 70014140): the old primary came back with another history under
    // the same timeline number.
    {"standby_that_cannot_ask_the_leader_does_not_go_back_to_the_old_one",
     [](Scene& s) {
       s.b_leads().standby(1000, 2, "");
       s.seen.postgres.following = Upstream{.member = "c", .conn_url = {}, .host = "c", .port = "5432"};
       s.seen.cluster.members["b"].timeline = 2;
       s.seen.cluster.members["b"].role = "primary";
       s.seen.upstream = upstream_b(0, 0);
       s.seen.upstream->reachable = false;
     },
     "replica",
     {"Follow"}},
    {"and_waits_for_the_leader",
     [](Scene& s) {
       s.b_leads().standby(1000, 2, "");
       s.seen.postgres.following = Upstream{};
       s.seen.cluster.members["b"].timeline = 2;
       s.seen.upstream = upstream_b(0, 0);
       s.seen.upstream->reachable = false;
     },
     "replica",
     {}},
    // Found by simulation (seed 80057727): all keys were deleted, and the leader's new key told no timeline.
    {"standby_ahead_of_a_leader_that_is_yet_to_be_promoted_waits",
     [](Scene& s) {
       s.b_leads().standby(1000, 3, "");
       s.seen.postgres.following.reset();
       s.seen.upstream = upstream_b(2, 500);
       s.seen.upstream->in_recovery = true;
     },
     "replica",
     {}},
    {"standby_that_lost_its_primary_asks_whether_the_number_is_the_same_history",
     [](Scene& s) {
       s.b_leads().standby(1000, 2, "");
       s.seen.postgres.following.reset();
       s.seen.cluster.members["b"].timeline = 2;
     },
     "replica",
     {"AskUpstream"}},
    {"and_does_not_wait_for_the_promotion",
     [](Scene& s) {
       s.b_leads().standby(1000, 2, "");
       s.seen.postgres.following.reset();
       s.seen.cluster.members["b"].timeline = 2;
       s.seen.upstream = upstream_b(2, 500);
       s.seen.upstream->in_recovery = true;
       s.seen.upstream->lsn = 1000;
       s.seen.upstream->same_beginning = true;
     },
     "replica",
     {"Follow"}},
    {"standby_of_another_history_of_the_same_number_stops",
     [](Scene& s) {
       s.b_leads().standby(1000, 2, "");
       s.seen.postgres.following.reset();
       s.seen.cluster.members["b"].timeline = 4;
       s.seen.upstream = upstream_b(4, 500);
       s.seen.upstream->same_beginning = false;
       s.seen.settings.remove_data_directory_on_diverged_timelines = true;
     },
     "replica",
     {"StartJob stop"}},
    {"stopped_server_of_another_history_is_copied_anew_not_rewound",
     [](Scene& s) {
       s.b_leads().stopped(ControlState::shut_down_in_recovery);
       s.seen.upstream = upstream_b(4, 500);
       s.seen.upstream->same_beginning = false;
       s.seen.settings.remove_data_directory_on_diverged_timelines = true;
     },
     "rejoin",
     {"SetAside"}},
    {"without_the_key_a_primary_that_does_not_answer_waits_a_while",
     [](Scene& s) {
       s.nobody_leads().primary();
       s.seen.postgres.sql.reset();
       s.seen.postgres.process = ProcessState::unresponsive;
       s.memory.leadership.unlocked_since = noon - 19s;
     },
     "demote",
     {}},
    {"and_is_ended_before_others_may_take_its_lease_for_over",
     [](Scene& s) {
       s.nobody_leads().primary();
       s.seen.postgres.sql.reset();
       s.seen.postgres.process = ProcessState::unresponsive;
       s.memory.leadership.unlocked_since = noon - 20s;
     },
     "demote",
     {"StartJob stop"}},
    {"standby_already_on_the_new_timeline_waits",
     [](Scene& s) {
       s.b_leads().silent_standby();
       s.seen.upstream = upstream_b(2, 900);
       s.seen.own_timeline = own(2, 1000);
     },
     "replica",
     {}},
    {"diverged_standby_stays_when_nothing_may_mend_it",
     [](Scene& s) {
       s.b_leads().standby(1000, 1, "");
       s.seen.settings.use_pg_rewind = false;
       s.memory.server.not_streaming_since = noon - 3s;
       s.seen.upstream = upstream_b(2, 900);
     },
     "replica",
     {}},
    {"stopped_without_a_leader_starts_as_standby",
     [](Scene& s) { s.nobody_leads().stopped(ControlState::shut_down); },
     "rejoin",
     {"StartJob start"}},
    {"empty_directory_copies_the_leader",
     [](Scene& s) { s.b_leads().no_data(); },
     "create_replica",
     {"StartJob basebackup"}},
    {"failed_copy_waits",
     [](Scene& s) { s.b_leads().no_data().job(JobKind::basebackup, JobState::failed); },
     "create_replica",
     {}},
    {"another_system_is_refused",
     [](Scene& s) {
       s.b_leads().standby();
       s.seen.postgres.system_identifier = "7000000000000000002";
     },
     "foreign_data",
     {"Exit"}},
    {"foreign_files_are_left_alone",
     [](Scene& s) {
       s.b_leads().no_data();
       s.seen.postgres.data_directory = DataDirectory::unusable;
     },
     "foreign_data",
     {}},
};

INSTANTIATE_TEST_SUITE_P(Replica, Rules, ::testing::ValuesIn(known(replica_cases)), case_name);

// Found on hosts: the member was cut off again just after pg_rewind, and its server was started without an upstream.
// The server never became consistent, and its start never ended.
TEST(Replica, AServerThatWasRewoundIsStartedBehindItsSourceEvenInAnEmergency) {
  auto scene = Scene().b_leads().primary().stopped(ControlState::in_archive_recovery);
  scene.memory.callbacks.role = "replica";
  scene.memory.electorate.members["b"] = scene.seen.cluster.members["b"];
  auto leaderless = scene;
  leaderless.seen.cluster.leader.reset();
  scene.job(JobKind::rewind, JobState::succeeded);
  scene.dcs_down_since(5s, 5s);
  const auto upstream = [](const Decision& decision) {
    const auto* job = find<StartJob>(decision);
    return job ? job->upstream.member : "no start";
  };
  const auto cut_off = scene.decide();
  EXPECT_EQ(cut_off.rule, "dcs_lost");
  EXPECT_EQ(upstream(cut_off), "b");
  leaderless.memory.rewind.source = "b";
  EXPECT_EQ(upstream(leaderless.decide()), "b");
  leaderless.memory.rewind.source.clear();
  EXPECT_EQ(upstream(leaderless.decide()), "");
}

// A server that does not answer is judged by its files alone, even if this daemon did not watch it before. Found by
// simulation (seed 3565832): a server hung in the middle of a promotion, its daemon died, and the server went on
// without the leader key.
TEST(Replica, OnlyWhatMayBeAPrimaryIsEndedWhenItDoesNotAnswer) {
  struct Files {
    bool standby_signal, promotion_begun;
    ControlState state;
    ProcessState process;
    bool ended;
  };
  using enum ControlState;
  using enum ProcessState;
  for (const Files& files : {
           Files{true, false, in_archive_recovery, unresponsive, false},
           Files{true, false, in_archive_recovery, running, false},  // the server refuses our connections
           Files{true, false, in_archive_recovery, stopping, false},
           Files{true, false, shut_down_in_recovery, stopping, false},
           Files{true, false, in_production, starting, false},  // a former primary that is starting recovery
           Files{true, true, in_archive_recovery, unresponsive, true},
           Files{true, true, in_archive_recovery, starting, true},
           Files{true, false, in_production, unresponsive, true},  // somebody put the file there for the next start
           Files{true, false, unknown, unresponsive, true},
           Files{false, false, in_archive_recovery, unresponsive, true},  // the last moment of a promotion
           Files{false, false, in_production, unresponsive, true},
           Files{false, false, in_crash_recovery, starting, true},
       }) {
    auto scene = Scene().b_leads().standby();
    scene.seen.postgres.sql.reset();
    scene.seen.postgres.standby_signal = files.standby_signal;
    scene.seen.postgres.promotion_begun = files.promotion_begun;
    scene.seen.postgres.control->state = files.state;
    scene.seen.postgres.process = files.process;
    const auto decision = scene.decide();
    EXPECT_EQ(action_names(decision), files.ended ? ActionNames{"StartJob stop"} : ActionNames{})
        << decision.reason << ": standby.signal " << files.standby_signal << ", promotion begun "
        << files.promotion_begun << ", state " << static_cast<int>(files.state) << ", process "
        << static_cast<int>(files.process);
  }
}

}  // namespace
}  // namespace tamada::core::testing
