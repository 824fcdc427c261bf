#include <gtest/gtest.h>

#include "core/testing/rule_cases.h"

namespace tamada::core::testing {
namespace {

const Case switchover_cases[] = {
    {"asks_the_candidate",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.cluster.failover = request("a", "b");
     },
     "switchover",
     {"PollPeers"}},
    {"answers_from_before_the_request_do_not_count",
     [](Scene& s) {
       s.we_lead().primary().peer("b", true, 1000);
       s.seen.peers_asked_at = noon - 100ms;
       s.seen.cluster.failover = request("a", "b");
     },
     "switchover",
     {"PollPeers"}},
    {"stops_for_a_healthy_candidate",
     [](Scene& s) {
       s.we_lead().primary().peer("b", true, 1000);
       s.seen.cluster.failover = request("a", "b");
     },
     "switchover",
     {"StartJob stop"}},
    {"refuses_a_lagging_candidate",
     [](Scene& s) {
       s.we_lead().primary(3'000'000).peer("b", true, 1000);
       s.seen.cluster.failover = request("a", "b");
     },
     "switchover",
     {"ClearFailover"}},
    {"goes_to_a_candidate_that_still_tells_the_timeline_of_before_the_last_promotion",
     [](Scene& s) {
       s.we_lead().primary(1000, 2).peer("b", true, 1000, 1);
       s.seen.postgres.sql->replication = {{.application_name = "b", .state = "streaming"}};
       s.seen.cluster.failover = request("a", "b");
       s.seen.cluster.history = {{.timeline = 1, .lsn = 500}};
     },
     "switchover",
     {"StartJob stop"}},
    {"refuses_a_candidate_that_was_left_on_an_older_timeline",
     [](Scene& s) {
       s.we_lead().primary(1000, 2).peer("b", true, 1000, 1);
       s.seen.cluster.failover = request("a", "b");
       s.seen.cluster.history = {{.timeline = 1, .lsn = 500}};
     },
     "switchover",
     {"ClearFailover"}},
    {"refuses_a_dead_candidate",
     [](Scene& s) {
       s.we_lead().primary().dead_peer("b").peer("c", true, 1000);
       s.seen.cluster.failover = request("a", "b");
     },
     "switchover",
     {"ClearFailover"}},
    // Found by simulation (seed 80022196): just after a crash no standby streams, so the last commits reach no standby.
    {"of_a_synchronous_cluster_refuses_who_does_not_stream",
     [](Scene& s) {
       s.we_lead().primary().peer("b", true, 1000);
       s.seen.settings.synchronous_mode = SynchronousMode::on;
       s.seen.cluster.sync = SyncState{.leader = "a", .standbys = {"b"}};
       s.seen.cluster.failover = request("a", "b");
     },
     "switchover",
     {"ClearFailover"}},
    {"of_a_synchronous_cluster_goes_to_who_streams",
     [](Scene& s) {
       s.we_lead().primary().peer("b", true, 1000);
       s.seen.postgres.sql->replication = {{.application_name = "b", .state = "streaming"}};
       s.seen.settings.synchronous_mode = SynchronousMode::on;
       s.seen.cluster.sync = SyncState{.leader = "a", .standbys = {"b"}};
       s.seen.cluster.failover = request("a", "b");
     },
     "switchover",
     {"StartJob stop"}},
    // Found by simulation (seed 80011940).
    {"comes_after_the_end_of_a_synchronous_mode_that_was_switched_off",
     [](Scene& s) {
       s.we_lead().primary().peer("b", true, 1000);
       s.seen.cluster.status = Status{.optime = 1000};
       s.seen.cluster.sync = SyncState{.leader = "a", .standbys = {"b"}};
       s.seen.cluster.failover = request("a", "b");
     },
     "leader",
     {"DeleteSync"}},
    {"comes_after_the_history_of_a_promotion",
     [](Scene& s) {
       s.we_lead().primary(1000, 2).peer("b", true, 1000, 2);
       s.seen.cluster.status = Status{.optime = 1000};
       s.seen.cluster.failover = request("a", "b");
     },
     "leader",
     {"WriteHistory"}},
    {"refuses_a_candidate_that_streams_the_old_timeline_from_another",
     [](Scene& s) {
       s.we_lead().primary(1000, 2).peer("b", true, 1000, 1);
       s.seen.postgres.sql->replication = {{.application_name = "c", .state = "streaming"}};
       s.seen.cluster.failover = request("a", "b");
       s.seen.cluster.history = {{.timeline = 1, .lsn = 500}};
     },
     "switchover",
     {"ClearFailover"}},
    {"names_the_candidate_in_failsafe_first",
     [](Scene& s) {
       s.we_lead().primary().peer("b", true, 1000);
       s.seen.settings.failsafe_mode = true;
       s.seen.cluster.failsafe.emplace()["a"] = "http://a:8008/patroni";
       s.seen.cluster.failover = request("a", "b");
       s.seen.cluster.status = Status{.optime = 1000};
     },
     "leader",
     {"WriteFailsafe"}},
    {"is_not_tried_twice_when_nobody_took_over",
     [](Scene& s) {
       s.we_lead().primary().peer("b", true, 1000);
       s.seen.cluster.failover = request("a", "b");
       s.memory.hand_over.request_tried = s.seen.cluster.failover->revision;
     },
     "switchover",
     {"ClearFailover"}},
    {"waits_for_its_time",
     [](Scene& s) {
       s.we_lead().primary().peer("b", true, 1000);
       s.seen.cluster.status = Status{.optime = 900};
       s.seen.cluster.failover = request("a", "b");
       s.seen.cluster.failover->scheduled_at = s.seen.wall + 3600s;
     },
     "leader",
     {}},
    {"a_little_late_is_in_time",
     [](Scene& s) {
       s.we_lead().primary().peer("b", true, 1000);
       s.seen.cluster.status = Status{.optime = 900};
       s.seen.cluster.failover = request("a", "b");
       s.seen.cluster.failover->scheduled_at = s.seen.wall - 14s;
     },
     "switchover",
     {"StartJob stop"}},
    {"of_a_time_long_past_is_dropped",
     [](Scene& s) {
       s.we_lead().primary().peer("b", true, 1000);
       s.seen.cluster.status = Status{.optime = 900};
       s.seen.cluster.failover = request("a", "b");
       s.seen.cluster.failover->scheduled_at = s.seen.wall - 1h;
     },
     "switchover",
     {"ClearFailover"}},
    {"failover_of_a_time_long_past_is_dropped",
     [](Scene& s) {
       s.we_lead().primary().peer("b", true, 1000);
       s.seen.cluster.status = Status{.optime = 900};
       s.seen.cluster.failover = request("", "b");
       s.seen.cluster.failover->scheduled_at = s.seen.wall - 1h;
     },
     "switchover",
     {"ClearFailover"}},
    {"new_leader_clears_the_request",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.cluster.failover = request("b", "a");
     },
     "switchover",
     {"ClearFailover"}},
    {"clears_a_request_to_another_leader",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.cluster.failover = request("b", "c");
     },
     "switchover",
     {"ClearFailover"}},
    {"stopped_then_frees_the_key",
     [](Scene& s) {
       s.we_lead().primary().stopped(ControlState::shut_down).job(JobKind::stop, JobState::succeeded);
       s.memory.hand_over.why = "switchover";
     },
     "hand_over",
     {"ReleaseLeader"}},
    {"a_standby_by_now_gives_nothing_away",
     [](Scene& s) {
       s.b_leads().standby();
       s.memory.hand_over.why = "switchover";
     },
     "hand_over",
     {}},
    {"a_stop_that_failed_leaves_it_serving",
     [](Scene& s) {
       s.we_lead().primary().job(JobKind::stop, JobState::failed);
       s.memory.hand_over.why = "switchover";
       s.seen.cluster.failover = request("a", "b");
     },
     "hand_over",
     {"ClearFailover"}},
};

INSTANTIATE_TEST_SUITE_P(Switchover, Rules, ::testing::ValuesIn(known(switchover_cases)), case_name);

}  // namespace
}  // namespace tamada::core::testing
