#include "core/lost_keys.h"

#include <gtest/gtest.h>

#include "core/candidate.h"
#include "core/problems.h"
#include "core/testing/scene.h"

namespace tamada::core::testing {
namespace {

// All keys were deleted. This node is the standby a, which knows b and c from its disk.
struct LostKeysScene : Scene {
  LostKeysScene() {
    standby().nobody_leads().dead_peer("b").peer("c", true, 900);
    memory.leadership.unlocked_since = noon - 60s;
    seen.peers_asked_at = seen.peers_answered_at = noon;
    seen.cluster.members.clear();
    seen.cluster.initialize.reset();
    seen.cluster.config_json.reset();
    seen.settings.failsafe_mode = true;
  }
  bool takes_the_key() const { return find<AcquireLeader>(decide()) != nullptr; }
};

TEST(LostKeys, APossiblePrimaryAndAHolderOfCommitsAreWaitedFor) {
  struct Case {
    const char* what;
    bool failsafe, was_member, takes;
    SynchronousMode mode = SynchronousMode::off;
  };
  for (const auto& c : {Case{"asynchronous", false, true, true},
                        Case{"asynchronous, as far as a node knows that was away", false, false, false},
                        Case{"failsafe mode: its primary would have asked us", true, true, true},
                        Case{"failsafe mode, without us (seed 1159202774)", true, false, false},
                        Case{"synchronous", false, true, false, SynchronousMode::on},
                        Case{"quorum", false, true, false, SynchronousMode::quorum}}) {
    LostKeysScene scene;
    scene.seen.settings.failsafe_mode = c.failsafe;
    scene.seen.settings.synchronous_mode = c.mode;
    if (c.was_member) scene.memory.electorate.ours_until = noon - 50s;
    EXPECT_EQ(scene.takes_the_key(), c.takes) << c.what;
    scene.memory.electorate.ours_until -= 10s;  // its lease had ended before it saw that the keys were gone
    EXPECT_FALSE(scene.takes_the_key()) << c.what;
    scene.seen.cluster.initialize = scene.seen.postgres.system_identifier;
    EXPECT_TRUE(scene.takes_the_key()) << c.what << ": the keys are there";
    scene.seen.cluster.initialize.reset();
    scene.peer("b", true, 900);
    EXPECT_TRUE(scene.takes_the_key()) << c.what << ": all answer";
    scene.seen.peers["b"].running = false;
    EXPECT_FALSE(scene.takes_the_key()) << c.what << ": its server does not";
  }
}

TEST(LostKeys, OnlyMembersOfTheLastListAreWaitedFor) {
  LostKeysScene scene;
  scene.memory.electorate.members.erase("b");  // the last leader had removed it for good
  EXPECT_TRUE(scene.takes_the_key());
  scene.memory.electorate.members.clear();  // a new cluster
  EXPECT_TRUE(scene.takes_the_key());
}

TEST(LostKeys, MembershipIsNotedWhileThereIsALeader) {
  struct Case {
    const char* what;
    LeaseId published_on;
    bool failsafe, named, member;
  };
  for (const auto& c :
       {Case{"in failsafe mode", our_lease, true, true, true}, Case{"not named", our_lease, true, false, false},
        Case{"without it", our_lease, false, false, true},
        Case{"on a previous lease", old_lease, false, false, false}}) {
    Scene scene;
    scene.standby().b_leads();
    scene.seen.cluster.members["a"].lease = c.published_on;
    if (c.failsafe) scene.seen.cluster.failsafe.emplace().emplace("b", "http://b");
    if (c.named) scene.seen.cluster.failsafe->emplace("a", "http://a");
    const auto memory = scene.decide().memory;
    EXPECT_EQ(memory.electorate.ours_until, c.member ? *scene.seen.lease.deadline : Instant{}) << c.what;
    EXPECT_EQ(memory.electorate.members.size(), 3U);
  }
}

// Seed 32000991: after all keys were deleted a leader was elected, and it died before the other members had written
// their keys again.
TEST(LostKeys, AMemberIsForgottenOnlyWhenTheLeaderHasLongBeenThere) {
  struct Case {
    Revision tenure;
    Duration age;
    bool kept;
  };
  for (const auto& c : {Case{50, 40s, false}, Case{50, 10s, true}, Case{49, 40s, true}}) {
    Scene scene;
    scene.standby().b_leads();
    scene.memory.leadership.tenure = c.tenure;
    scene.memory.leadership.tenure_since = noon - c.age;
    scene.memory.electorate.members["d"] = Scene::member("d");
    EXPECT_EQ(scene.decide().memory.electorate.members.contains("d"), c.kept);
  }
}

TEST(LostKeys, TheLeaderUntilThenGoesOn) {
  LostKeysScene scene;
  scene.primary();
  scene.memory.leadership.last_leader = "a";
  EXPECT_TRUE(scene.takes_the_key());
}

TEST(LostKeys, AnOperatorMayChoose) {
  LostKeysScene scene;
  scene.seen.cluster.failover = FailoverRequest{.leader = {}, .candidate = "a", .scheduled_at = {}, .revision = 7};
  scene.memory.hand_over.request = 7;
  EXPECT_FALSE(scene.takes_the_key()) << "the operator may not know that the keys were lost";
  scene.seen.cluster.failover->force = true;
  EXPECT_TRUE(scene.takes_the_key());
  scene.seen.cluster.failover->leader = "b";
  EXPECT_FALSE(scene.takes_the_key()) << "a switchover is no such word";
}

TEST(LostKeys, ItIsToldEverywhere) {
  LostKeysScene scene;
  const auto decision = scene.decide();
  EXPECT_EQ(decision.severity, Severity::warning);
  EXPECT_NE(decision.reason.find("b did not answer"), std::string::npos) << decision.reason;
  EXPECT_NE(decision.reason.find("tamadactl failover --candidate"), std::string::npos) << decision.reason;
  EXPECT_EQ(in_one_line(problems(scene.seen, decision.memory)), decision.reason);
  bool shut = false;
  for (const auto& gate : promotion_gates(scene.seen, decision.memory)) shut = shut || gate.obstacle == decision.reason;
  EXPECT_TRUE(shut);
}

}  // namespace
}  // namespace tamada::core::testing
