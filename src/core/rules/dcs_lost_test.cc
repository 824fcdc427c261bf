#include <gtest/gtest.h>

#include "core/testing/rule_cases.h"

namespace tamada::core::testing {
namespace {

const Case dcs_cases[] = {
    {"primary_serves_on_while_the_lease_is_young",
     [](Scene& s) { s.we_lead().primary().dcs_down_since(3s, 5s); },
     "dcs_lost",
     {}},
    {"primary_stops_before_the_lease_can_end",
     [](Scene& s) { s.we_lead().primary().dcs_down_since(15s, 20s); },
     "dcs_lost",
     {"StartJob stop"}},
    {"primary_that_has_not_seen_the_dcs_serves_on_for_a_while",
     [](Scene& s) {
       s.primary().dcs_down_since(4s, 4s);
       s.seen.cluster = {};
       s.seen.lease = {};
       s.memory.born = noon - 4s;
     },
     "dcs_lost",
     {}},
    {"and_then_stops",
     [](Scene& s) {
       s.primary().dcs_down_since(5s, 5s);
       s.seen.cluster = {};
       s.seen.lease = {};
       s.memory.born = noon - 5s;
     },
     "dcs_lost",
     {"StartJob stop"}},
    {"also_while_its_first_request_hangs",
     [](Scene& s) {
       s.primary();
       s.seen.dcs = {};
       s.seen.cluster = {};
       s.seen.lease = {};
       s.memory.born = noon - 5s;
     },
     "unknown_cluster",
     {"StartJob stop"}},
    // Found by simulation (two nodes, seed 114087164): in a pause the primary ran long after the end of its lease, and
    // then the pause ended.
    {"primary_resumed_without_a_key_stops_at_once",
     [](Scene& s) { s.nobody_leads().primary().dcs_down_since(30s, 40s); },
     "dcs_lost",
     {"StartJob stop"}},
    {"primary_resumed_after_its_lease_stops_at_once",
     [](Scene& s) { s.we_lead().primary().dcs_down_since(30s, 40s); },
     "dcs_lost",
     {"StartJob stop"}},
    // Higher values of ttl and retry_timeout count only once the leader key is on the new lease.
    {"primary_with_a_new_lease_stops_by_the_one_that_its_key_is_on",
     [](Scene& s) {
       s.leader_is("a", old_lease).primary().dcs_down_since(16s, 16s);
       s.seen.settings.ttl = 120s;
       s.seen.settings.retry_timeout = 40s;
       s.memory.fence.until = noon + 9s;
       s.memory.fence.length = 30s;
     },
     "dcs_lost",
     {"StartJob stop"}},
    // The store said that the lease is gone, and granted no new one. The bound of the fence still counts.
    {"primary_whose_lease_is_gone_stops_by_the_bound_of_its_fence",
     [](Scene& s) {
       s.leader_is("a", old_lease).primary().dcs_down_since(1s, 1s);
       s.seen.lease = {};
       s.memory.fence.until = noon - 1s;
       s.memory.fence.length = 30s;
     },
     "dcs_lost",
     {"StartJob stop"}},
    // Found by simulation (five nodes, seed 740001660).
    {"primary_beside_a_leader_that_was_seen_stops_at_once",
     [](Scene& s) { s.b_leads().primary().dcs_down_since(0s, 5s); },
     "dcs_lost",
     {"StartJob stop"}},
    {"promotion_beside_a_leader_that_was_seen_is_cancelled",
     [](Scene& s) {
       s.b_leads().standby().dcs_down_since(0s, 5s).job(JobKind::promote, JobState::running);
       s.seen.job.as_primary = true;
     },
     "dcs_lost",
     {"CancelJob"}},
    {"demoted_primary_serves_reads",
     [](Scene& s) { s.we_lead().primary().stopped(ControlState::shut_down).dcs_down_since(15s, 20s); },
     "dcs_lost",
     {"StartJob start"}},
    {"standby_stays", [](Scene& s) { s.b_leads().standby().dcs_down_since(60s, 70s); }, "dcs_lost", {}},
    {"running_promotion_is_cancelled_in_time",
     [](Scene& s) { s.we_lead().primary().dcs_down_since(15s, 20s).job(JobKind::promote, JobState::running); },
     "dcs_lost",
     {"CancelJob"}},
    {"a_stop_without_a_limit_is_hurried_when_the_lease_is_about_to_end",
     [](Scene& s) {
       s.we_lead().primary().dcs_down_since(15s, 20s).job(JobKind::stop, JobState::running);
       s.seen.postgres.sql.reset();  // it hangs during its checkpoint
     },
     "slow_stop",
     {"CancelJob"}},
    {"a_shutdown_without_a_limit_is_hurried_too",
     [](Scene& s) {
       s.we_lead().primary().dcs_down_since(15s, 20s).job(JobKind::stop, JobState::running);
       s.seen.requests.shutdown = true;
     },
     "slow_stop",
     {"CancelJob"}},
    {"what_was_hurried_is_stopped_within_the_lease",
     [](Scene& s) { s.we_lead().primary().dcs_down_since(15s, 20s).job(JobKind::stop, JobState::failed); },
     "dcs_lost",
     {"StartJob stop"}},
    {"a_stop_that_ends_within_the_lease_is_waited_for",
     [](Scene& s) {
       s.we_lead().primary().dcs_down_since(15s, 20s).job(JobKind::stop, JobState::running);
       s.seen.job.immediate_at = noon + 4s;
     },
     "dcs_lost",
     {}},
    {"a_stop_may_take_its_time_while_the_lease_is_young",
     [](Scene& s) { s.we_lead().primary().dcs_down_since(3s, 5s).job(JobKind::stop, JobState::running); },
     "dcs_lost",
     {}},
    {"a_stop_is_hurried_when_another_leads",
     [](Scene& s) {
       s.b_leads().primary().job(JobKind::stop, JobState::running);
       s.seen.job.immediate_at = noon + 30s;
     },
     "slow_stop",
     {"CancelJob"}},
    {"a_standby_stops_in_its_own_time_whoever_leads",
     [](Scene& s) { s.b_leads().standby().job(JobKind::stop, JobState::running); },
     "job",
     {}},
    // Found by simulation (seed 60075067): a server that hangs is promoted when it wakes up.
    {"promotion_of_a_server_that_hangs_is_cancelled_in_time",
     [](Scene& s) {
       s.we_lead().standby().dcs_down_since(15s, 20s).job(JobKind::promote, JobState::running);
       s.seen.postgres.sql.reset();
     },
     "dcs_lost",
     {"CancelJob"}},
    {"in_pause_the_primary_stays",
     [](Scene& s) {
       s.we_lead().primary().dcs_down_since(60s, 70s);
       s.seen.settings.pause = true;
     },
     "dcs_lost",
     {}},
};

INSTANTIATE_TEST_SUITE_P(Dcs, Rules, ::testing::ValuesIn(known(dcs_cases)), case_name);

// A primary without the leader key must not wait long for a slow DCS, because another member may be promoted at any
// time.
TEST(Dcs, AHurriedStopBeginsAsAFastOne) {
  Scene s;
  s.we_lead().primary().dcs_down_since(15s, 20s).job(JobKind::stop, JobState::failed);
  EXPECT_EQ(find<StartJob>(s.decide())->stop_mode, StopMode::fast);
  s.seen.job.immediate_at = noon - 1s;
  EXPECT_EQ(find<StartJob>(s.decide())->stop_mode, StopMode::immediate);
}

TEST(Dcs, BesideALeaderThatWasSeenThereIsNoTimeForAFastStop) {
  Scene s;
  s.b_leads().primary().dcs_down_since(0s, 5s);
  EXPECT_EQ(find<StartJob>(s.decide())->stop_mode, StopMode::immediate);
}

TEST(Dcs, IsNotWaitedForLongerThanAPrimaryMayGoOn) {
  const auto patience = [](const Scene& scene) { return scene.decide().dcs_patience_until; };
  auto leader = Scene().we_lead().primary();
  EXPECT_EQ(patience(leader), leader.seen.lease.confirmed_at + leader.seen.settings.demote_after());
  leader.seen.settings.pause = true;
  EXPECT_EQ(patience(leader), std::nullopt);
  EXPECT_EQ(patience(Scene().b_leads().standby()), std::nullopt);

  auto key_of_before = Scene().leader_is("a", old_lease).primary();
  EXPECT_EQ(patience(key_of_before), noon + 5s);
  key_of_before.memory.fence.until = noon + 20s;  // a fence of the previous run has told when its lease ends
  EXPECT_EQ(patience(key_of_before), std::nullopt);

  auto without_key = Scene().nobody_leads().primary();
  EXPECT_EQ(without_key.decide().memory.fence.without_leader_key_since, noon);
  without_key.memory.fence.without_leader_key_since = noon - 2s;
  EXPECT_EQ(patience(without_key), noon + 3s);
  EXPECT_EQ(find<PollPeers>(without_key.decide())->until, noon + 3s);
  without_key.dcs_down_since(3s, 3s);  // the lease lives on for long, but no leader key is on it
  EXPECT_EQ(action_names(without_key.decide()), ActionNames{"StartJob stop"});
}

}  // namespace
}  // namespace tamada::core::testing
