#include "core/lost_keys.h"

#include <gtest/gtest.h>

#include "core/candidate.h"
#include "core/problems.h"
#include "core/scene.h"

namespace tamada::core::testing {
namespace {

// All keys were deleted; this is the standby a, which knows b and c by its disk.
struct LostKeysScene : Scene {
  LostKeysScene() {
    standby().nobody_leads().dead_peer("b").peer("c", true, 900);
    memory.unlocked_since = noon - 60s;
    seen.peers_asked_at = seen.peers_answered_at = noon;
    seen.cluster.members.clear();
    seen.cluster.initialize.reset();
    seen.cluster.config_json.reset();
    seen.settings.failsafe_mode = true;
  }
  bool takes_the_key() const { return find<AcquireLeader>(decide()) != nullptr; }
};

TEST(LostKeys, WhoMayBeAPrimaryOrHaveCommitsIsWaitedFor) {
  struct Case {
    const char* what;
    bool failsafe, takes;
    SynchronousMode mode = SynchronousMode::off;
  };
  for (const auto& c : {Case{"asynchronous", false, true}, Case{"failsafe mode (seed 1159202774)", true, false},
                        Case{"synchronous", false, false, SynchronousMode::on},
                        Case{"quorum", false, false, SynchronousMode::quorum}}) {
    LostKeysScene scene;
    scene.seen.settings.failsafe_mode = c.failsafe;
    scene.seen.settings.synchronous_mode = c.mode;
    EXPECT_EQ(scene.takes_the_key(), c.takes) << c.what;
    scene.seen.cluster.initialize = scene.seen.postgres.system_identifier;
    EXPECT_TRUE(scene.takes_the_key()) << c.what << ": the keys are there";
    scene.seen.cluster.initialize.reset();
    scene.peer("b", true, 900);
    EXPECT_TRUE(scene.takes_the_key()) << c.what << ": all answer";
    scene.seen.peers["b"].running = false;
    EXPECT_EQ(scene.takes_the_key(), c.takes) << c.what << ": its server does not";
  }
}

TEST(LostKeys, NobodyElseThanThoseOfTheLastListIsWaitedFor) {
  LostKeysScene scene;
  scene.memory.electorate.erase("b");  // removed for good, as the last leader told
  EXPECT_TRUE(scene.takes_the_key());
  scene.memory.electorate.clear();  // a new cluster
  EXPECT_TRUE(scene.takes_the_key());
}

TEST(LostKeys, WhoWouldHaveBeenAskedDoesNotWait) {
  struct Case {
    const char* what;
    Duration ok_for;
    LeaseId named_by;
    bool takes;
  };
  for (const auto& c :
       {Case{"a member all the time", 1h, our_lease, true}, Case{"cut off meanwhile", 10s, our_lease, false},
        Case{"its lease had ended", 1h, old_lease, false}, Case{"never named", 1h, 0, false}}) {
    LostKeysScene scene;
    scene.memory.named_at = noon - 61s;
    scene.memory.named_by = c.named_by;
    scene.seen.dcs.ok_since = noon - c.ok_for;
    EXPECT_EQ(scene.takes_the_key(), c.takes) << c.what;
  }
}

TEST(LostKeys, MembershipIsNotedWhileThereIsALeader) {
  for (const bool named : {true, false}) {
    Scene scene;
    scene.standby().b_leads();
    scene.seen.settings.failsafe_mode = true;
    scene.seen.cluster.failsafe.emplace().emplace("b", "http://b");
    if (named) scene.seen.cluster.failsafe->emplace("a", "http://a");
    const auto memory = scene.decide().memory;
    EXPECT_EQ(memory.named_by, named ? our_lease : 0);
    EXPECT_EQ(memory.electorate.size(), 3U);
  }
}

TEST(LostKeys, WhoLedUntilThenGoesOn) {
  LostKeysScene scene;
  scene.primary();
  scene.memory.last_leader = "a";
  EXPECT_TRUE(scene.takes_the_key());
}

TEST(LostKeys, AnOperatorMayChoose) {
  LostKeysScene scene;
  scene.seen.cluster.failover = FailoverRequest{.leader = {}, .candidate = "a", .scheduled_at = {}, .revision = 7};
  scene.memory.request_revision = 7;
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
