// Tests of properties that do not depend on the rule that decides. The tables of the rules are in rules/NAME_test.cc.
#include "core/decide.h"

#include <gtest/gtest.h>

#include "core/testing/rule_cases.h"

namespace tamada::core::testing {
namespace {

TEST_P(Rules, Decide) {
  Scene scene;
  GetParam().facts(scene);
  const auto decision = scene.decide();
  EXPECT_EQ(decision.rule, GetParam().rule) << decision.reason;
  EXPECT_EQ(action_names(decision), GetParam().action_names) << decision.reason;
  EXPECT_FALSE(decision.reason.empty());
}

// ---- callbacks

// The callbacks of a standby that is asked to stop and comes back.
std::vector<std::string> callbacks_of_a_stop(Scene scene) {
  std::vector<std::string> called;
  const auto step = [&] {
    const auto decision = scene.decide();
    scene.memory = decision.memory;
    if (const auto* callback = find<RunCallback>(decision)) called.push_back(callback->action + " " + callback->role);
  };
  step();
  scene.seen.requests.restart.reset();
  scene.job(JobKind::stop, JobState::succeeded).stopped(ControlState::shut_down_in_recovery);
  step();
  scene.job(JobKind::start, JobState::succeeded, 8).b_leads().standby();
  step();
  step();
  return called;
}

TEST(Callbacks, OfARestart) {
  Scene scene;
  scene.b_leads().standby().seen.requests.restart.emplace();
  EXPECT_EQ(callbacks_of_a_stop(scene), (std::vector<std::string>{"on_restart replica"}));
}

TEST(Callbacks, OfAStopAndAStart) {
  Scene scene;
  scene.b_leads().standby();
  EXPECT_EQ(callbacks_of_a_stop(scene), (std::vector<std::string>{"on_stop replica", "on_start replica"}));
}

TEST(Callbacks, TellTheChangeOfRoleOnce) {
  Scene scene;
  scene.we_lead().primary();
  scene.memory.callbacks.role = "replica";
  const auto decision = scene.decide();
  const auto* callback = find<RunCallback>(decision);
  ASSERT_NE(callback, nullptr);
  EXPECT_EQ(callback->action, "on_role_change");
  EXPECT_EQ(callback->role, "primary");
  EXPECT_GT(decision.actions.size(), 1U) << "the new leader writes its keys";
  EXPECT_EQ(std::string(name(decision.actions.front())), "RunCallback") << "an address moves at once";
  EXPECT_EQ(find<RunCallback>(decide(scene.seen, decision.memory)), nullptr);
}

// ---- upkeep

// The names that are set before a promotion would otherwise come into force too late.
TEST(Upkeep, AStandbyHasNamesOfSynchronousStandbysInASynchronousMode) {
  for (const bool synchronous : {false, true}) {
    Scene scene;
    scene.b_leads().standby();
    if (synchronous) scene.seen.settings.synchronous_mode = SynchronousMode::on;
    auto decision = scene.decide();
    const auto* set = find<SetSyncNames>(decision);
    ASSERT_EQ(set != nullptr, synchronous);
    if (set) EXPECT_EQ(set->names, strict_placeholder);
    scene.seen.postgres.sql->sync_names = "b";
    EXPECT_FALSE(find<SetSyncNames>(scene.decide())) << "other names do, too";
  }
}

TEST(Upkeep, RenewsAtTheHeartbeat) {
  Scene scene;
  scene.we_lead().primary();
  scene.seen.lease.confirmed_at = scene.seen.lease.attempted_at = noon - 10s;
  EXPECT_NE(find<RenewLease>(scene.decide()), nullptr);
  scene.seen.lease.confirmed_at = scene.seen.lease.attempted_at = noon - 9s;
  const auto decision = scene.decide();
  EXPECT_EQ(find<RenewLease>(decision), nullptr);
  ASSERT_TRUE(decision.wake_at);
  EXPECT_LE(*decision.wake_at, noon + 1s);
}

TEST(Upkeep, ComesAfterAStop) {
  Scene scene;
  scene.we_lead().primary().dcs_down_since(10s, 20s);
  scene.seen.lease.attempted_at = noon - 5s;
  const auto decision = scene.decide();
  ASSERT_EQ(decision.actions.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<StartJob>(decision.actions.front()));
  EXPECT_TRUE(std::holds_alternative<RenewLease>(decision.actions.back()));
}

// The start of a primary would be cancelled while its leader key is on the old lease.
TEST(Upkeep, AnotherTtlWaitsUntilTheServerHasStarted) {
  Scene scene;
  scene.we_lead().stopped(ControlState::shut_down).job(JobKind::start, JobState::running);
  scene.seen.job.as_primary = true;
  scene.seen.settings.ttl = 2 * scene.seen.lease.ttl;
  scene.seen.lease.attempted_at = noon - 5s;
  EXPECT_EQ(find<EnsureLease>(scene.decide()), nullptr);
  scene.primary().job(JobKind::start, JobState::succeeded);
  EXPECT_NE(find<EnsureLease>(scene.decide()), nullptr);
}

TEST(Upkeep, AsksForALeaseWhenThereIsNone) {
  Scene scene;
  scene.b_leads().standby();
  scene.seen.lease = {};
  EXPECT_NE(find<EnsureLease>(scene.decide()), nullptr);
}

TEST(Upkeep, PublishesAMissingMemberKeyAtOnce) {
  Scene scene;
  scene.b_leads().standby();
  scene.seen.cluster.members.erase("a");
  const auto decision = scene.decide();
  const auto* publish = find<PublishMember>(decision);
  ASSERT_NE(publish, nullptr);
  EXPECT_EQ(publish->record.role, "replica");
  EXPECT_EQ(publish->record.state, "running");
}

TEST(Upkeep, PositionsAloneWaitForTheHeartbeat) {
  Scene scene;
  scene.b_leads().standby(1000);
  scene.seen.cluster.members["a"] = find<PublishMember>([&] {
                                      auto without = scene;
                                      without.seen.cluster.members.erase("a");
                                      return without.decide();
                                    }())
                                        ->record;
  scene.seen.cluster.members["a"].lease = our_lease;
  scene.seen.postgres.sql->wal_lsn = 2000;
  EXPECT_EQ(find<PublishMember>(scene.decide()), nullptr);
  scene.memory.written.member_at = noon - 10s;
  EXPECT_NE(find<PublishMember>(scene.decide()), nullptr);
}

TEST(HandOver, AFormerHolderMayTakeTheKeyAgainAfterAnotherHasHeldIt) {
  Scene scene;
  scene.b_leads().standby();
  scene.memory.race.gave_up_at = noon - 1s;
  const auto memory = scene.decide().memory;
  EXPECT_FALSE(memory.race.gave_up_at);
}

// ---- properties that hold in every state

// With a lease that has ended, no scene of the tables may lead to a promotion or to the start of a primary.
TEST(Safety, NothingBecomesAPrimaryWithoutALease) {
  const auto check = [](const Case& one) {
    Scene scene;
    one.facts(scene);
    if (scene.seen.settings.pause) return;
    scene.seen.lease.deadline = scene.seen.now;
    const auto decision = scene.decide();
    for (const auto& action : decision.actions) {
      const auto* job = std::get_if<StartJob>(&action);
      if (!job) continue;
      EXPECT_NE(job->kind, JobKind::promote) << one.name;
      EXPECT_FALSE(job->kind == JobKind::start && !job->as_standby) << one.name;
    }
    // The member that creates the cluster has no rival, and the store refuses a key on a lease that has ended.
    if (scene.memory.data.bootstrapping) return;
    EXPECT_EQ(find<AcquireLeader>(decision), nullptr) << one.name;
  };
  ASSERT_GT(all_cases().size(), 200u) << "the tables have told their scenes";
  for (const auto& one : all_cases()) check(one);
}

TEST(Safety, EveryRuleHasANameAndAText) {
  for (const auto& rule : rule_table()) {
    EXPECT_FALSE(rule.name.empty());
    EXPECT_FALSE(rule.what.empty()) << rule.name;
  }
}

}  // namespace
}  // namespace tamada::core::testing
