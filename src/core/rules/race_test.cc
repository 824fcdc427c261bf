#include <gtest/gtest.h>

#include "core/testing/rule_cases.h"

namespace tamada::core::testing {
namespace {

// /failsafe names b, which does not answer, and c, which does.
void not_in_failsafe(Scene& s) {
  s.nobody_leads().standby(1000).dead_peer("b").peer("c", true, 900);
  s.seen.failsafe.known_since = noon - 1h;
  s.seen.settings.failsafe_mode = true;
  s.seen.cluster.failsafe.emplace() = {{"b", "http://b:8008/patroni"}, {"c", "http://c:8008/patroni"}};
}

// All others are dead, and this standby lacks more than maximum_lag_on_failover. It has waited for others.
void far_behind(Scene& s) {
  s.nobody_leads().standby(1000).dead_peer("b").dead_peer("c");
  s.seen.cluster.status = Status{.optime = 1000 + 1048577};
  s.memory.leadership.unlocked_since = noon - 10s;
}

const Case race_cases[] = {
    {"asks_before_racing", [](Scene& s) { s.nobody_leads().standby(); }, "race", {"PollPeers"}},
    {"answers_of_before_do_not_count",
     [](Scene& s) {
       s.nobody_leads().standby().peer("b", true, 900).peer("c", true, 900);
       s.seen.peers_asked_at = noon - 2s;
     },
     "race",
     {"PollPeers"}},
    {"healthiest_takes_the_key",
     [](Scene& s) { s.nobody_leads().standby(1000).peer("b", true, 1000).peer("c", true, 900); },
     "race",
     {"AcquireLeader"}},
    {"behind_the_old_leader_lets_others_go_first",
     [](Scene& s) {
       s.nobody_leads().standby(1000).dead_peer("b").peer("c", true, 900);
       s.seen.cluster.status = Status{.optime = 1001};
     },
     "race",
     {}},
    {"behind_the_old_leader_goes_when_nobody_else_does",
     [](Scene& s) {
       s.nobody_leads().standby(1000).dead_peer("b").peer("c", true, 900);
       s.seen.cluster.status = Status{.optime = 1001};
       s.memory.leadership.unlocked_since = noon - 10s;
     },
     "race",
     {"AcquireLeader"}},
    {"peer_ahead_on_an_older_timeline",
     [](Scene& s) { s.nobody_leads().standby(1000, 2).peer("b", true, 2000, 1).dead_peer("c"); },
     "race",
     {"AcquireLeader"}},
    {"peer_on_a_newer_timeline",
     [](Scene& s) { s.nobody_leads().standby(1000, 1).peer("b", true, 900, 2).dead_peer("c"); },
     "race",
     {}},
    // Found by simulation (seed 2002340): the last leader led on the older timeline, and all members on the newer one
    // are too far behind it to lead.
    {"peer_on_a_newer_timeline_that_was_left_behind",
     [](Scene& s) {
       s.nobody_leads().standby(3'000'000, 1).peer("b", true, 900, 2).dead_peer("c");
       s.seen.cluster.status = Status{.optime = 3'000'000};
     },
     "race",
     {"AcquireLeader"}},
    {"peer_on_a_newer_timeline_that_the_last_leader_was_on",
     [](Scene& s) {
       s.nobody_leads().standby(3'000'000, 1).peer("b", true, 900, 2).dead_peer("c");
       s.seen.cluster.status = Status{.optime = 3'000'000};
       s.seen.cluster.history = {{.timeline = 1, .lsn = 800}};
       s.memory.leadership.unlocked_since = noon - 10s;
     },
     "race",
     {}},
    {"dead_peers_do_not_block",
     [](Scene& s) { s.nobody_leads().standby().dead_peer("b").dead_peer("c"); },
     "race",
     {"AcquireLeader"}},
    {"peer_ahead", [](Scene& s) { s.nobody_leads().standby(1000).peer("b", true, 1001).dead_peer("c"); }, "race", {}},
    {"peer_ahead_that_may_not_lead",
     [](Scene& s) {
       s.nobody_leads().standby(1000).peer("b", true, 1001).dead_peer("c");
       s.seen.peers["b"].nofailover = true;
     },
     "race",
     {"AcquireLeader"}},
    {"peer_with_priority",
     [](Scene& s) {
       s.nobody_leads().standby(1000).peer("b", true, 1000).dead_peer("c");
       s.seen.peers["b"].failover_priority = 2;
     },
     "race",
     {}},
    {"living_primary",
     [](Scene& s) { s.nobody_leads().standby(1000).peer("b", false, 900).dead_peer("c"); },
     "race",
     {}},
    {"lag_over_the_limit",
     [](Scene& s) {
       s.nobody_leads().standby(1000).dead_peer("b").dead_peer("c");
       s.seen.cluster.status = Status{.optime = 1000 + 1048577};
     },
     "race",
     {}},
    {"lag_at_the_limit",
     [](Scene& s) {
       s.nobody_leads().standby(1000).dead_peer("b").dead_peer("c");
       s.seen.cluster.status = Status{.optime = 1000 + 1048576};
       s.memory.leadership.unlocked_since = noon - 10s;
     },
     "race",
     {"AcquireLeader"}},
    // Found by simulation (seed 853003083): the only member that still had data was too far behind, and the operator's
    // failover had no effect.
    {"candidate_of_a_failover_is_promoted_however_far_behind",
     [](Scene& s) {
       far_behind(s);
       s.seen.cluster.failover = request("", "a");
     },
     "race",
     {"AcquireLeader"}},
    {"candidate_of_a_switchover_is_not",
     [](Scene& s) {
       far_behind(s);
       s.seen.cluster.failover = request("b", "a");
     },
     "race",
     {}},
    {"candidate_on_an_older_timeline_is_promoted_by_force",
     [](Scene& s) {
       far_behind(s);
       s.seen.settings.check_timeline = true;
       s.seen.cluster.history = {{.timeline = 1, .lsn = 500}};
       s.seen.cluster.failover = request("", "a");
       s.seen.cluster.failover->force = true;
     },
     "race",
     {"AcquireLeader"}},
    {"candidate_on_an_older_timeline_is_not_without",
     [](Scene& s) {
       far_behind(s);
       s.seen.settings.check_timeline = true;
       s.seen.cluster.history = {{.timeline = 1, .lsn = 500}};
       s.seen.cluster.failover = request("", "a");
     },
     "race",
     {}},
    {"wiped_keys_and_a_silent_leader",
     [](Scene& s) {
       s.nobody_leads().standby(1000).dead_peer("b").peer("c", true, 900);
       s.seen.cluster.initialize.reset();
       s.memory.leadership.last_leader = "b";
     },
     "race",
     {}},
    {"wiped_keys_and_a_leader_whose_lease_has_ended",
     [](Scene& s) {
       s.nobody_leads().standby(1000).dead_peer("b").peer("c", true, 900);
       s.seen.cluster.initialize.reset();
       s.memory.leadership.last_leader = "b";
       s.memory.leadership.unlocked_since = noon - 30s;
       s.memory.electorate.ours_until = noon - 1s;
     },
     "race",
     {"AcquireLeader"}},
    // Found by simulation (five nodes, seed 720000612): c was the leader while this machine was frozen.
    {"wiped_keys_and_a_leader_of_before_a_sleep",
     [](Scene& s) {
       s.nobody_leads().standby(1000).peer("b", true, 900).dead_peer("c");
       s.seen.cluster.initialize.reset();
       s.memory.leadership.last_leader = "b";
       const auto awake = s.seen;
       s.seen.lease = {};
       s.memory = s.decide().memory;
       s.seen = awake;
     },
     "race",
     {}},
    // Seed 830034970: a leader came and went unseen, after the wait for the previous leader.
    {"wiped_keys_and_a_primary_that_answered_a_moment_ago",
     [](Scene& s) {
       s.nobody_leads().standby(1000).peer("b", true, 900).peer("c", false, 1100);
       s.seen.cluster.initialize.reset();
       s.memory.leadership.unlocked_since = noon - 31s;
       s.memory = s.decide().memory;
       s.dead_peer("c");
     },
     "race",
     {}},
    // Seed 810002685: not all members had written their keys again.
    {"wiped_keys_and_an_unknown_leader_though_all_we_know_answer",
     [](Scene& s) {
       s.nobody_leads().standby(1000).peer("b", true, 900).peer("c", true, 900);
       s.seen.cluster.initialize.reset();
       s.memory.callbacks.role = "replica";
     },
     "race",
     {}},
    {"nofailover",
     [](Scene& s) {
       s.nobody_leads().standby().dead_peer("b").dead_peer("c");
       s.seen.settings.tags.nofailover = true;
     },
     "race",
     {}},
    {"no_lease_no_race",
     [](Scene& s) {
       s.nobody_leads().standby().dead_peer("b").dead_peer("c");
       s.seen.lease.deadline = noon;
     },
     "race",
     {}},
    {"primary_with_wiped_keys_takes_them_back",
     [](Scene& s) { s.nobody_leads().primary().peer("b", true, 1000).peer("c", true, 1000); },
     "race",
     {"AcquireLeader"}},
    {"primary_that_cannot_take_the_key_goes_on_for_a_while",
     [](Scene& s) {
       s.nobody_leads().primary().peer("b", true, 1000).peer("c", true, 1000);
       s.memory.fence.without_leader_key_since = noon - 4s;
     },
     "race",
     {"AcquireLeader"}},
    // Found by simulation (seed 1012812).
    {"primary_that_cannot_take_the_key_stops",
     [](Scene& s) {
       s.nobody_leads().primary().peer("b", true, 1000).peer("c", true, 1000);
       s.memory.fence.without_leader_key_since = noon - 5s;
     },
     "race",
     {"StartJob stop"}},
    // Found by simulation (seeds 3130239 and 3131734): a daemon that was dead comes back when all keys have been
    // deleted, and the leader of that time cannot be reached.
    {"primary_that_others_have_left_behind_stops",
     [](Scene& s) { s.nobody_leads().primary(1000, 2).dead_peer("b").peer("c", true, 1100, 3); },
     "race",
     {"StartJob stop"}},
    {"primary_that_led_last_takes_the_key_beside_a_stray_timeline",
     [](Scene& s) {
       s.nobody_leads().primary(1000, 2).dead_peer("b").peer("c", true, 1100, 3);
       s.memory.leadership.last_leader = "a";
     },
     "race",
     {"AcquireLeader"}},
    // Found by simulation (seed 3701192).
    {"primary_that_led_last_and_slept_beyond_its_lease_knows_nothing",
     [](Scene& s) {
       s.nobody_leads().primary(1000, 2).dead_peer("b").peer("c", true, 1100, 3);
       s.memory.leadership.last_leader = "a";
       const auto ended = s.seen;
       s.seen.lease = {};
       s.memory = s.decide().memory;
       s.seen = ended;
     },
     "race",
     {"StartJob stop"}},
    // Found by simulation (seed 50007546): its first observation after the sleep still showed the key.
    {"primary_that_slept_and_saw_its_old_key_once_more_knows_nothing",
     [](Scene& s) {
       s.nobody_leads().primary(1000, 2).dead_peer("b").peer("c", true, 1100, 3);
       const auto awake = s.seen;
       s.leader_is("a", old_lease);
       s.memory.leadership.last_leader = "a";
       s.memory = s.decide().memory;
       s.seen = awake;
     },
     "race",
     {"StartJob stop"}},
    {"primary_does_not_take_the_key_when_all_are_gone_and_somebody_is_silent",
     [](Scene& s) {
       s.nobody_leads().primary().dead_peer("b").peer("c", true, 900);
       s.seen.cluster.initialize.reset();
     },
     "race",
     {}},
    {"primary_takes_the_key_when_all_are_gone_and_nobody_is_silent",
     [](Scene& s) {
       s.nobody_leads().primary().peer("b", true, 900).peer("c", true, 900);
       s.seen.cluster.initialize.reset();
     },
     "race",
     {"AcquireLeader"}},
    {"in_pause_a_primary_without_a_key_goes_on",
     [](Scene& s) {
       s.nobody_leads().primary().peer("b", true, 1000).peer("c", true, 1000);
       s.seen.settings.pause = true;
       s.memory.fence.without_leader_key_since = noon - 5s;
     },
     "race",
     {"AcquireLeader"}},
    {"primary_beside_a_newer_primary_stops",
     [](Scene& s) { s.nobody_leads().primary(1000, 1).peer("b", false, 900, 2).dead_peer("c"); },
     "race",
     {"StartJob stop"}},
    {"primary_beside_an_older_primary_goes_on",
     [](Scene& s) { s.nobody_leads().primary(1000, 2).peer("b", false, 9000, 1).dead_peer("c"); },
     "race",
     {"AcquireLeader"}},
    {"switched_over_from_waits",
     [](Scene& s) {
       s.nobody_leads().standby().peer("b", true, 1000).peer("c", true, 1000);
       s.seen.cluster.failover = request("a", "");
     },
     "race",
     {}},
    {"others_wait_for_the_candidate",
     [](Scene& s) {
       s.nobody_leads().standby().peer("b", true, 900).peer("c", true, 900);
       s.seen.cluster.failover = request("b", "c");
     },
     "race",
     {}},
    {"others_do_not_wait_for_a_dead_candidate",
     [](Scene& s) {
       s.nobody_leads().standby().peer("b", true, 900).dead_peer("c");
       s.seen.cluster.failover = request("b", "c");
     },
     "race",
     {"AcquireLeader"}},
    {"candidate_goes_though_another_is_ahead",
     [](Scene& s) {
       s.nobody_leads().standby(1000).peer("b", true, 1001).peer("c", true, 1001);
       s.seen.cluster.failover = request("b", "a");
     },
     "race",
     {"AcquireLeader"}},
    {"candidate_waits_for_the_last_wal",
     [](Scene& s) {
       s.nobody_leads().standby(1000).peer("b", true, 1001).peer("c", true, 1001);
       s.seen.cluster.failover = request("b", "a");
       s.seen.cluster.status = Status{.optime = 1001};
     },
     "race",
     {}},
    {"cut_off_peer_ahead_does_not_block_for_ever",
     [](Scene& s) {
       s.nobody_leads().standby(1000).peer("b", true, 1001).dead_peer("c");
       s.seen.peers["b"].dcs_last_seen_ago = 31s;
     },
     "race",
     {"AcquireLeader"}},
    {"peer_ahead_counts_after_an_outage_for_all",
     [](Scene& s) {
       s.nobody_leads().standby(1000).peer("b", true, 1001).dead_peer("c");
       s.seen.peers["b"].dcs_last_seen_ago = 31s;
       s.seen.dcs.ok_since = noon - 5s;
     },
     "race",
     {}},
    {"member_that_failsafe_does_not_name", [](Scene& s) { not_in_failsafe(s); }, "race", {}},
    // Found by simulation (seed 77000814): the only member that had data was not named, and the operator's failover had
    // no effect.
    {"member_that_failsafe_does_not_name_but_an_operator_with_force",
     [](Scene& s) {
       not_in_failsafe(s);
       s.seen.cluster.failover = request("", "a");
       s.seen.cluster.failover->force = true;
     },
     "race",
     {"AcquireLeader"}},
    {"member_that_failsafe_does_not_name_but_an_operator_while_a_member_is_silent",
     [](Scene& s) {
       not_in_failsafe(s);
       s.seen.cluster.failover = request("", "a");
     },
     "race",
     {}},
    {"member_that_failsafe_does_not_name_but_an_operator_while_all_answer",
     [](Scene& s) {
       not_in_failsafe(s);
       s.peer("b", true, 900);
       s.seen.cluster.failover = request("", "a");
     },
     "race",
     {"AcquireLeader"}},
    {"who_is_not_on_the_last_timeline_lets_others_go_first",
     [](Scene& s) {
       s.nobody_leads().standby(1000, 2).dead_peer("b").dead_peer("c");
       s.seen.cluster.history = {{.timeline = 1, .lsn = 500}, {.timeline = 2, .lsn = 900}};
     },
     "race",
     {}},
    {"but_not_for_ever",
     [](Scene& s) {
       s.nobody_leads().standby(1000, 2).dead_peer("b").dead_peer("c");
       s.seen.cluster.history = {{.timeline = 1, .lsn = 500}, {.timeline = 2, .lsn = 900}};
       s.memory.leadership.unlocked_since = noon - 10s;
     },
     "race",
     {"AcquireLeader"}},
};

INSTANTIATE_TEST_SUITE_P(Race, Rules, ::testing::ValuesIn(known(race_cases)), case_name);

// This node was cut off and has not seen that leader, but a key that the leader wrote last shows that it existed.
TEST(Race, ALeaderThatCameAndWentUnseenIsWaitedForAnew) {
  Scene s;
  s.nobody_leads().standby(1000).dead_peer("b").peer("c", true, 900);
  s.memory.leadership.unlocked_since = noon - 30s;
  s.memory.leadership.unlocked_marks = {.sync = 0, .status = 7};
  s.seen.cluster.status = Status{.optime = 1001, .revision = 7};
  s.seen.peers_asked_by = s.seen.cluster.leader_marks();
  EXPECT_EQ(action_names(s.decide()), std::vector<std::string>{"AcquireLeader"});
  s.seen.cluster.status->revision = 8;
  s.seen.peers_asked_by = s.seen.cluster.leader_marks();
  s.memory.leadership.last_leader = "b";
  EXPECT_EQ(s.decide().memory.leadership.unlocked_since, noon);
  EXPECT_EQ(s.decide().memory.leadership.last_leader, "");  // its name is not known (seed 70055807)
  EXPECT_EQ(action_names(s.decide()), std::vector<std::string>{});
}

// The answers came together with the news that another member was faster. The log still says why this node did not
// race.
TEST(Race, AMemberThatWasTooLateSaysWhyItDidNotRace) {
  Scene s;
  s.standby().peer("b", true, 1000).b_leads();
  s.seen.peers["b"].failover_priority = 2;
  s.memory.leadership.unlocked_since = noon - 1s;
  const auto decision = s.decide();
  ASSERT_TRUE(find<Tell>(decision));
  EXPECT_EQ(find<Tell>(decision)->text,
            "b has equally tolerable WAL position and priority 2, while this node has priority 1");
  EXPECT_FALSE(decision.memory.leadership.unlocked_since);
  s.memory.race.peers_weighed = s.seen.peers_answered_at;  // the race has given the reason already
  EXPECT_FALSE(find<Tell>(s.decide()));
}

// Half a minute has passed since the leader key ended.
Scene& backing_off(Scene& s) {
  s.nobody_leads().standby(1000).dead_peer("b").dead_peer("c");
  s.seen.settings.primary_race_backoff = 60s;
  s.memory.leadership.unlocked_since = noon - 30s;
  s.memory.race.received = 900;
  return s;
}

const Case backoff_cases[] = {
    {"while_wal_arrives", [](Scene& s) { backing_off(s); }, "race", {}},
    {"not_after_its_time",
     [](Scene& s) { backing_off(s).memory.leadership.unlocked_since = noon - 60s; },
     "race",
     {"AcquireLeader"}},
    {"not_when_nothing_arrives_any_more",
     [](Scene& s) { backing_off(s).memory.race.received = 1000; },
     "race",
     {"AcquireLeader"}},
    {"in_the_first_loop_whatever_arrives",
     [](Scene& s) {
       backing_off(s).memory.race.received = 1000;
       s.memory.leadership.unlocked_since = noon - 5s;
     },
     "race",
     {}},
    {"not_for_a_candidate_with_a_name",
     [](Scene& s) { backing_off(s).seen.cluster.failover = FailoverRequest{.leader = "b", .candidate = "a"}; },
     "race",
     {"AcquireLeader"}},
};

INSTANTIATE_TEST_SUITE_P(RaceBackoff, Rules, ::testing::ValuesIn(known(backoff_cases)), case_name);

}  // namespace
}  // namespace tamada::core::testing
