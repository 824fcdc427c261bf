#include "core/failsafe.h"

#include <gtest/gtest.h>

#include "core/testing/scene.h"

namespace tamada::core::testing {
namespace {

struct FailsafeScene : Scene {
  FailsafeScene() {
    seen.settings.failsafe_mode = true;
    seen.failsafe.known_since = noon - 1h;
    we_lead().primary();
    seen.cluster.failsafe = std::map<std::string, std::string>{
        {"a", "http://a:8008/patroni"}, {"b", "http://b:8008/patroni"}, {"c", "http://c:8008/patroni"}};
  }
};

bool stops(const Decision& decision) {
  const auto* job = find<StartJob>(decision);
  return job && job->kind == JobKind::stop;
}

TEST(Failsafe, TheLeaderKeepsTheKey) {
  FailsafeScene scene;
  EXPECT_FALSE(find<WriteFailsafe>(scene.decide()));
  scene.seen.cluster.members.erase("c");
  ASSERT_TRUE(find<WriteFailsafe>(scene.decide()));
  EXPECT_EQ(find<WriteFailsafe>(scene.decide())->members.size(), 2U);
  scene.seen.settings.failsafe_mode = false;
  EXPECT_FALSE(find<WriteFailsafe>(scene.decide()));
  scene.seen.settings.failsafe_mode = true;
  scene.seen.cluster.failsafe.reset();  // somebody deleted all keys
  EXPECT_TRUE(find<WriteFailsafe>(scene.decide()));
}

// The primary becomes read-only 20 s (demote_after()) after the last renewal. The first question is asked
// retry_timeout, 10 s, before that.
TEST(Failsafe, APrimaryWithoutTheDcs) {
  struct Case {
    const char* what;
    Duration renewed_ago;
    std::optional<Duration> asked_ago, confirmed_ago;
    bool refused;
    std::string trouble;
    bool asks, ends;
  };
  const Case cases[] = {
      {"not at once", 5s, {}, {}, false, "", false, false},
      {"in good time", 11s, {}, {}, false, "", true, false},
      {"everybody agreed", 25s, 2s, 2s, false, "", false, false},
      {"though the lease is long over", 500s, 2s, 2s, false, "", false, false},
      {"asked again", 25s, 7s, 7s, false, "", true, false},
      {"one does not answer, once", 25s, 500ms, 7s, false, "b", false, false},
      {"and is asked again", 25s, 1500ms, 7s, false, "b", true, false},
      {"one does not answer for long", 25s, 500ms, 20s, false, "b", false, true},
      {"one does not answer from the start", 21s, 500ms, {}, false, "b", false, true},
      {"one does not agree", 11s, 500ms, {}, true, "b", false, true},
      {"held up so long that nobody was asked yet", 21s, {}, {}, false, "", true, false},
      {"and so long that there is no time for an answer", 27500ms, {}, {}, false, "", false, true},
  };
  for (const auto& c : cases) {
    FailsafeScene scene;
    scene.dcs_down_since(c.renewed_ago - 1s, c.renewed_ago);
    if (c.asked_ago) scene.seen.failsafe.asked_at = noon - *c.asked_ago;
    if (c.confirmed_ago) scene.seen.failsafe.confirmed_at = noon - *c.confirmed_ago;
    scene.seen.failsafe.refused = c.refused;
    scene.seen.failsafe.trouble = c.trouble;
    const auto decision = scene.decide();
    EXPECT_EQ(find<AskFailsafe>(decision) != nullptr, c.asks) << c.what << ": " << decision.reason;
    EXPECT_FALSE(c.asks && find<RenewLease>(decision)) << c.what << ": the answers wait for a silent DCS";
    EXPECT_EQ(stops(decision), c.ends) << c.what << ": " << decision.reason;
  }
}

// The leader key hangs on a lease of the daemon's previous run. Neither this run nor a fence knows when that lease
// ends.
TEST(Failsafe, AFreshDaemonWithoutAnAnswerEndsThePrimaryInTime) {
  struct Case {
    Duration age;
    bool told_by_a_fence, ends;
  };
  for (const auto& c : {Case{4s, false, false}, Case{5s, false, true}, Case{1h, true, false}}) {
    Scene scene;
    if (!c.told_by_a_fence) scene.memory.fence.without_leader_key_since = noon - c.age;
    scene.leader_is("a", old_lease).primary().dcs_down_since(2s, 60s);
    scene.seen.lease = {};
    scene.seen.lease.attempted_at = noon;
    scene.memory.born = noon - c.age;
    if (c.told_by_a_fence) scene.memory.fence.until = noon + 20s;
    const auto decision = scene.decide();
    EXPECT_EQ(stops(decision), c.ends) << decision.reason;
  }
}

TEST(Failsafe, TheQuestion) {
  FailsafeScene scene;
  scene.dcs_down_since(10s, 11s);
  scene.seen.postgres.sql->slots = {{.name = "b", .restart_lsn = 900}};
  const auto decision = scene.decide();
  const auto* ask = find<AskFailsafe>(decision);
  const auto question = failsafe_question(scene.seen);
  ASSERT_TRUE(ask);
  EXPECT_EQ(question.members.size(), 2U);
  EXPECT_FALSE(question.members.contains("a"));
  EXPECT_EQ(question.leader.slots, (std::map<std::string, Lsn>{{"a", 1000}, {"b", 900}}));
}

TEST(Failsafe, NotWithoutTheModeOrTheKeyOrOurNameInIt) {
  const auto ends = [](auto change) {
    FailsafeScene scene;
    scene.dcs_down_since(24s, 25s);
    scene.seen.failsafe.asked_at = scene.seen.failsafe.confirmed_at = noon - 2s;
    change(scene.seen);
    return stops(scene.decide());
  };
  EXPECT_FALSE(ends([](Observation&) {}));
  EXPECT_TRUE(ends([](Observation& seen) { seen.settings.failsafe_mode = false; }));
  EXPECT_TRUE(ends([](Observation& seen) { seen.cluster.failsafe.reset(); }));
  EXPECT_TRUE(ends([](Observation& seen) { seen.cluster.failsafe->erase("a"); }));
}

TEST(Failsafe, AClusterOfOneGoesOn) {
  FailsafeScene scene;
  scene.seen.cluster.failsafe = std::map<std::string, std::string>{{"a", "http://a:8008/patroni"}};
  scene.dcs_down_since(10s, 11s);
  const auto decision = scene.decide();
  ASSERT_TRUE(find<AskFailsafe>(decision));
  EXPECT_TRUE(find<AskFailsafe>(decision)->members.empty());
}

TEST(Failsafe, AStandbyThatWasToldOfThePrimaryDoesNotRace) {
  struct Case {
    const char* what;
    std::optional<Duration> told_ago;
    bool named, takes;
  };
  for (const auto& c : {Case{"never told", {}, true, true}, Case{"told", 29s, true, false},
                        Case{"a ttl ago", 30s, true, true}, Case{"not named in the key", {}, false, false}}) {
    FailsafeScene scene;
    scene.standby().nobody_leads().dead_peer("b").dead_peer("c");
    if (c.told_ago) scene.seen.failsafe.told_at = noon - *c.told_ago;
    scene.seen.failsafe.leader.name = "b";
    if (!c.named) scene.seen.cluster.failsafe->erase("a");
    EXPECT_EQ(find<AcquireLeader>(scene.decide()) != nullptr, c.takes) << c.what;
    // The mode was switched off since, but the consent still counts.
    scene.seen.settings.failsafe_mode = false;
    if (c.named) EXPECT_EQ(find<AcquireLeader>(scene.decide()) != nullptr, c.takes) << c.what;
  }
}

// The primary that relies on the consent is cut off from the DCS, so it may not know of the pause, and may not answer.
TEST(Failsafe, InPauseTheCandidateOfAnOperatorKeepsToItsConsent) {
  for (const auto told_ago : {29s, 30s}) {
    FailsafeScene scene;
    scene.standby().nobody_leads().dead_peer("b").dead_peer("c");
    scene.seen.settings.pause = true;
    scene.seen.cluster.failover = FailoverRequest{.candidate = "a"};
    scene.seen.failsafe.told_at = noon - told_ago;
    scene.seen.failsafe.leader.name = "b";
    EXPECT_EQ(find<AcquireLeader>(scene.decide()) != nullptr, told_ago == 30s);
  }
}

// Seed 771: the member that the key does not name may not be promoted itself, and two standbys waited for each other.
TEST(Failsafe, AMemberThatTheKeyDoesNotNameIsNotWaitedFor) {
  for (const bool named : {true, false}) {
    FailsafeScene scene;
    scene.standby().nobody_leads().peer("b", true, 2000).peer("c", true, 900);
    if (!named) scene.seen.cluster.failsafe->erase("b");
    const auto decision = scene.decide();
    EXPECT_EQ(find<AcquireLeader>(decision) != nullptr, !named) << decision.reason;
    scene.seen.peers["b"].in_recovery = false;  // the member is a primary, whatever the key says
    EXPECT_FALSE(find<AcquireLeader>(scene.decide()));
  }
}

TEST(Failsafe, TheLeaderThatWeKnowGetsOurConsent) {
  ClusterView cluster;
  JobView job;
  EXPECT_FALSE(failsafe_refusal(cluster, job, "b"));
  cluster.leader = Leader{.name = "b"};
  EXPECT_FALSE(failsafe_refusal(cluster, job, "b"));
  // Another member became the leader after "b" had lost the DCS; now the DCS may be lost for all.
  cluster.leader->name = "c";
  EXPECT_EQ(failsafe_refusal(cluster, job, "b"), "The leader is c");
  cluster.leader.reset();
  job = {.kind = JobKind::promote, .state = JobState::running, .as_primary = true};
  EXPECT_TRUE(failsafe_refusal(cluster, job, "b"));
}

// Our request for the leader key was under way when the primary asked for our consent.
TEST(Failsafe, AKeyIsReleasedIfWeConsentedMeanwhile) {
  for (const bool after : {true, false}) {
    FailsafeScene scene;
    scene.standby().we_lead();
    scene.memory.race.key_asked_at = noon - 2s;
    scene.seen.failsafe.told_at = after ? noon - 1s : noon - 3s;
    scene.seen.failsafe.leader.name = "b";
    const auto decision = scene.decide();
    EXPECT_EQ(find<ReleaseLeader>(decision) != nullptr, after) << decision.reason;
    EXPECT_EQ(find<StartJob>(decision) != nullptr, !after) << decision.reason;
  }
}

TEST(Failsafe, ADaemonWithoutANoteOfItsFormerRunDoesNotKnowToWhomThatConsented) {
  struct Case {
    const char* what;
    Duration known_for;
    bool b_answers, takes, b_runs = true;
  };
  for (const auto& c :
       {Case{"somebody is silent", 5s, false, false}, Case{"all answer, nobody is a primary", 5s, true, true},
        Case{"a server hangs, which may be the primary (seed 60016890)", 5s, true, false, false},
        Case{"known for a ttl, by a note of the former run", 30s, false, true}}) {
    FailsafeScene scene;
    scene.standby().nobody_leads().dead_peer("c");
    scene.seen.cluster.failsafe->erase("c");
    if (c.b_answers) {
      scene.peer("b", true, 900);
      scene.seen.peers["b"].running = c.b_runs;
    } else {
      scene.dead_peer("b");
    }
    scene.memory.born = noon - 5s;
    scene.seen.failsafe.known_since = noon - c.known_for;
    EXPECT_EQ(find<AcquireLeader>(scene.decide()) != nullptr, c.takes) << c.what;
    scene.seen.settings.failsafe_mode = false;  // switched off since then (seed 3664701)
    EXPECT_EQ(find<AcquireLeader>(scene.decide()) != nullptr, c.takes) << c.what;
    scene.seen.cluster.given_up_by_stopped_leader = true;
    EXPECT_TRUE(find<AcquireLeader>(scene.decide())) << c.what << ", and the last leader has stopped";
  }
}

TEST(Failsafe, AStandbyMovesItsSlotsByWhatThePrimaryTells) {
  for (const bool told : {true, false}) {
    FailsafeScene scene;
    scene.standby().b_leads().dcs_down_since(10s, 11s);
    scene.seen.postgres.sql->slots[1].restart_lsn = 100;
    scene.seen.postgres.sql->replay_lsn = 1000;
    if (told) scene.seen.failsafe.told_at = noon - 1s;
    scene.seen.failsafe.leader = {.name = "b", .conn_url = {}, .api_url = {}, .slots = {{"c", 500}}};
    const auto decision = scene.decide();
    const auto* advance = find<AdvanceSlots>(decision);
    ASSERT_EQ(advance != nullptr, told);
    if (advance) EXPECT_EQ(advance->slots.front().to, 500U);
  }
}

// As in Patroni, the answer tells the member's position, which its key cannot tell while the DCS is lost.
TEST(Failsafe, ThePrimaryMovesTheSlotOfACascadingMemberByItsAnswer) {
  for (const bool consent : {true, false}) {
    FailsafeScene scene;
    scene.dcs_down_since(40s, 41s);
    scene.seen.failsafe.asked_at = noon - 1s;
    if (consent) scene.seen.failsafe.confirmed_at = noon - 1s;
    scene.seen.failsafe.positions = {{"b", 900}, {"c", 500}};
    scene.seen.cluster.members["c"].tags.replicatefrom = "b";
    scene.seen.cluster.members["c"].xlog_location = 200;
    scene.seen.postgres.sql->slots[0].restart_lsn = scene.seen.postgres.sql->slots[1].restart_lsn = 100;
    const auto decision = scene.decide();
    const auto* advance = find<AdvanceSlots>(decision);
    ASSERT_EQ(advance != nullptr, consent);
    if (!consent) continue;
    ASSERT_EQ(advance->slots.size(), 1U) << "who streams from us moves its slot itself";
    EXPECT_EQ(advance->slots.front().name, "c");
    EXPECT_EQ(advance->slots.front().to, 500U);
    EXPECT_FALSE(find<SyncSlots>(decision)) << "no slot of a member goes though the lease is over";
  }
}

// Found by simulation (seed 3752637): the primary had no leader key when the DCS stopped answering, so another member
// may have been promoted.
TEST(Failsafe, IsNotForAPrimaryThatHasNoKey) {
  FailsafeScene scene;
  scene.nobody_leads().dcs_down_since(6s, 7s);
  scene.memory.fence.without_leader_key_since = noon - 6s;
  const auto decision = scene.decide();
  EXPECT_FALSE(find<AskFailsafe>(decision)) << decision.reason;
  EXPECT_TRUE(find<StartJob>(decision)) << decision.reason;
}

TEST(Failsafe, ThePrimaryTakesTheKeyAgainWhenTheDcsIsBack) {
  FailsafeScene scene;
  scene.nobody_leads().peer("b", true, 900).peer("c", true, 900);
  EXPECT_TRUE(find<AcquireLeader>(scene.decide()));
}

TEST(Failsafe, AllWhomTheKeyNamesAreAskedInTheRace) {
  FailsafeScene scene;
  scene.seen.cluster.members.erase("c");
  scene.standby().nobody_leads();
  const auto decision = scene.decide();
  ASSERT_TRUE(find<PollPeers>(decision));
  EXPECT_EQ(find<PollPeers>(decision)->members.size(), 2U);
}

// Found by simulation (five nodes, seed 32): ttl was lowered while a primary went on by an earlier consent, and the
// primary could not know that.
TEST(Failsafe, ConsentCountsForTheTtlThatItWasAskedWith) {
  auto standby = Scene().nobody_leads().standby();
  standby.seen.settings.ttl = 20s;
  standby.seen.failsafe.leader.name = "b";
  standby.seen.failsafe.told_at = noon - 25s;
  EXPECT_FALSE(failsafe_leader_alive(standby.seen));
  standby.seen.failsafe.told_for = 30s;
  EXPECT_TRUE(failsafe_leader_alive(standby.seen));

  auto primary = Scene().we_lead().primary();
  primary.seen.settings.failsafe_mode = true;
  primary.seen.settings.ttl = 120s;  // raised since, but the other members do not wait that long
  primary.seen.settings.loop_wait = primary.seen.settings.retry_timeout = 40s;
  primary.seen.lease.deadline = noon + 1s;
  primary.seen.failsafe.confirmed_at = noon - 2s;
  primary.seen.failsafe.confirmed_for = 30s;
  EXPECT_EQ(primary.decide().memory.fence.until, noon + 28s);
  primary.dcs_down_since(10s, 10s);
  primary.seen.cluster.failsafe = {{"a", "http://a"}, {"b", "http://b"}};
  EXPECT_EQ(failsafe_until(primary.seen), noon + 25s);
}

}  // namespace
}  // namespace tamada::core::testing
