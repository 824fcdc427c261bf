// Tests of synchronous replication through the rules of one node. For the transitions alone see
// sync_transition_test.cc.
#include "core/sync.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/testing/scene.h"

namespace tamada::core::testing {
namespace {

using SM = SynchronousMode;

ReplicationConnection row(const std::string& name, Lsn lsn, int priority = 0, const std::string& state = "streaming") {
  return {.application_name = name, .state = state, .sync_priority = priority, .sync_lsn = lsn};
}

struct SyncScene : Scene {
  explicit SyncScene(SM mode = SM::on) {
    seen.settings.synchronous_mode = mode;
    we_lead().primary();
    seen.cluster.members["a"].role = "primary";
  }
  SyncScene& key(const std::string& leader, std::vector<std::string> standbys, int quorum = 0) {
    seen.cluster.sync = SyncState{.leader = leader, .standbys = std::move(standbys), .quorum = quorum, .revision = 70};
    if (seen.postgres.running_primary()) seen.cluster.sync->timeline = seen.postgres.sql->start();
    seen.peers_asked_by = seen.cluster.leader_marks();
    return *this;
  }
  SyncScene& names(const std::string& text) {
    seen.postgres.sql->sync_names = text;
    memory.sync.names_seen = text;
    memory.sync.names_seen_at = noon - 1s;
    return *this;
  }
  SyncScene& connected(std::vector<ReplicationConnection> rows) {
    seen.postgres.sql->replication = std::move(rows);
    return *this;
  }
};

// The change as "names TEXT", "key LEADER VOTERS/QUORUM", "delete" or "".
std::string change(const Decision& decision) {
  if (const auto* set = find<SetSyncNames>(decision)) return "names " + set->names;
  if (const auto* write = find<WriteSync>(decision)) {
    Names voters(write->state.standbys.begin(), write->state.standbys.end());
    return "key " + write->state.leader + " " + joined(voters) + "/" + std::to_string(write->state.quorum);
  }
  return find<DeleteSync>(decision) ? "delete" : "";
}

TEST(Sync, ThePrimaryGoesOneStepAtATime) {
  SyncScene scene;
  scene.connected({row("b", 1000), row("c", 900)});
  EXPECT_EQ(change(scene.decide()), "key a /0");
  EXPECT_EQ(scene.decide().reason, "Enabled synchronous replication");
  EXPECT_EQ(find<WriteSync>(scene.decide())->state.revision, 0);

  scene.key("a", {});
  EXPECT_EQ(change(scene.decide()), "names b");

  // The names have just come into force, so b may lack commits that were acknowledged before.
  scene.seen.postgres.sql->sync_names = "b";
  scene.connected({row("b", 1000, 1), row("c", 900)});
  auto decision = scene.decide();
  EXPECT_EQ(change(decision), "");
  EXPECT_TRUE(decision.wake_at);

  // A moment later the standbys have to reach the present position.
  scene.memory = decision.memory;
  scene.seen.now += 150ms;
  scene.seen.postgres.sql->wal_lsn = 1200;
  decision = scene.decide();
  EXPECT_EQ(change(decision), "");
  scene.memory = decision.memory;
  scene.connected({row("b", 1200, 1), row("c", 900)});
  EXPECT_EQ(change(scene.decide()), "key a b/0");
}

TEST(Sync, NoStandbyIsNamedBeforeEveryWalSenderUsesTheNames) {
  SyncScene scene;
  // c's WAL sender still uses older names.
  scene.key("a", {}).names("b").connected({row("b", 1000, 1), row("c", 1000, 1)});
  EXPECT_EQ(change(scene.decide()), "");
  scene.connected({row("b", 1000, 1), row("c", 1000)});
  EXPECT_EQ(change(scene.decide()), "key a b/0");
}

TEST(Sync, WhoIsPicked) {
  struct Case {
    const char* what;
    std::function<void(SyncScene&)> set;
    Names listed, wanted;
  };
  const Case cases[] = {
      {"who is furthest", [](SyncScene&) {}, {}, {"b"}},
      {"who is one already", [](SyncScene&) {}, {"c"}, {"c"}},
      {"sync_priority before that",
       [](SyncScene& s) { s.seen.cluster.members["b"].tags.sync_priority = 2; },
       {"c"},
       {"b"}},
      {"not with nosync", [](SyncScene& s) { s.seen.cluster.members["b"].tags.nosync = true; }, {"b"}, {"c"}},
      {"not with nostream", [](SyncScene& s) { s.seen.cluster.members["b"].tags.nostream = true; }, {"b"}, {"c"}},
      {"who may not be promoted comes last",
       [](SyncScene& s) { s.seen.cluster.members["b"].tags.nofailover = true; },
       {"b"},
       {"c"}},
      {"two", [](SyncScene& s) { s.seen.settings.synchronous_node_count = 2; }, {}, {"b", "c"}},
      {"who stops is none", [](SyncScene& s) { s.seen.cluster.members["b"].state = "stopping"; }, {"b"}, {"c"}},
      {"nobody whom the cluster does not know", [](SyncScene& s) { s.seen.cluster.members.erase("b"); }, {"b"}, {"c"}},
      {"one that is listed may catch up",
       [](SyncScene& s) { s.connected({row("b", 500, 0, "catchup"), row("c", 900)}); },
       {"b"},
       {"b"}},
      {"one that is not may not",
       [](SyncScene& s) { s.connected({row("b", 5000, 0, "catchup"), row("c", 900)}); },
       {},
       {"c"}},
      {"lag is not looked at", [](SyncScene& s) { s.connected({row("b", 1000), row("c", 9000)}); }, {"b"}, {"b"}},
      {"unless it is limited",
       [](SyncScene& s) {
         s.connected({row("b", 1000), row("c", 9000)});
         s.seen.postgres.sql->wal_lsn = 9000;
         s.seen.settings.maximum_lag_on_syncnode = 5000;
       },
       {"b"},
       {"c"}},
      {"nobody with WAL that we have not",
       [](SyncScene& s) {
         s.connected({row("b", 1001), row("c", 900)});
         s.seen.postgres.sql->wal_lsn = 1000;
       },
       {"b"},
       {"c"}},
      {"who belongs behind another standby",
       [](SyncScene& s) { s.seen.cluster.members["b"].tags.replicatefrom = "c"; },
       {"b"},
       {"c"}},
      {"but not behind one that is away",
       [](SyncScene& s) {
         s.seen.cluster.members["b"].tags.replicatefrom = "c";
         s.connected({row("b", 1000)});
       },
       {},
       {"b"}},
      {"quorum: everybody", [](SyncScene& s) { s.seen.settings.synchronous_mode = SM::quorum; }, {}, {"b", "c"}},
      {"quorum: but who may not be promoted",
       [](SyncScene& s) {
         s.seen.settings.synchronous_mode = SM::quorum;
         s.seen.cluster.members["b"].tags.nofailover = true;
       },
       {},
       {"c"}},
  };
  for (const auto& c : cases) {
    SyncScene scene;
    scene.connected({row("b", 1000), row("c", 900)});
    c.set(scene);
    EXPECT_EQ(joined(pick_sync_standbys(scene.seen, c.listed)), joined(c.wanted)) << c.what;
  }
}

// The cable of a synchronous standby's host is pulled: its connection stays for wal_sender_timeout, and its key for the
// ttl.
TEST(Sync, AStandbyThatFlushesNothingIsReplaced) {
  const auto at = [](const std::string& name, Lsn flushed, int priority = 0) {
    auto standby = row(name, flushed, priority);
    standby.flush_lsn = flushed;
    return standby;
  };
  SyncScene scene;
  scene.key("a", {"b"}).names("b").connected({at("b", 1000, 1), at("c", 1000)});
  scene.seen.postgres.sql->wal_lsn = 1000;
  const auto later = [&](Duration passed, Lsn wal, Lsn b, Lsn c) {
    scene.memory = scene.decide().memory;
    scene.seen.now += passed;
    scene.seen.postgres.sql->wal_lsn = wal;
    scene.connected({at("b", b, 1), at("c", c)});
    return scene.decide();
  };
  later(5s, 1000, 1000, 1000);
  EXPECT_NE(later(5s, 1000, 1000, 1000).wake_at, scene.seen.now + 1s) << "nothing to flush";
  EXPECT_EQ(later(10s, 1200, 1000, 1200).wake_at, scene.seen.now + 1s);
  EXPECT_EQ(change(later(1s, 1200, 1000, 1200)), "");
  EXPECT_EQ(change(later(1s, 1300, 1100, 1300)), "") << "it flushes, if slowly";
  EXPECT_EQ(change(later(2s, 1300, 1100, 1300)), "");
  EXPECT_EQ(change(later(1s, 1300, 1100, 1300)), "key a /0") << "c is to replace it";
  EXPECT_EQ(scene.decide().reason,
            "Updating /sync key temporarily from ['b'] to []. b is connected, but flushes no WAL");
  scene.key("a", {});
  EXPECT_EQ(change(scene.decide()), "names c");

  scene.key("a", {"b"}).connected({at("b", 1100, 1), at("c", 1100)});
  EXPECT_EQ(change(later(3s, 1300, 1100, 1100)), "") << "c is no better";
  scene.connected({at("b", 1100, 1)});
  EXPECT_EQ(change(scene.decide()), "") << "there is no other";
  EXPECT_NE(scene.decide().wake_at, scene.seen.now + 1s);

  SyncScene quorum(SM::quorum);
  quorum.key("a", {"b", "c"}, 1).names("ANY 1 (b,c)").connected({at("b", 900, 1), at("c", 1000, 1)});
  quorum.memory = quorum.decide().memory;
  quorum.seen.now += 5s;
  EXPECT_EQ(change(quorum.decide()), "") << "c confirms the commits";
}

TEST(Sync, TheLeadersNextChange) {
  struct Case {
    const char* what;
    SM mode;
    std::vector<std::string> standbys;
    int quorum;
    const char* names;
    std::vector<ReplicationConnection> rows;
    bool strict;
    const char* wanted;
  };
  const Case cases[] = {
      {"steady", SM::on, {"b"}, 0, "b", {row("b", 1000, 1)}, false, ""},
      {"the standby is gone", SM::on, {"b"}, 0, "b", {}, false, "key a /0"},
      {"nor is it in the key", SM::on, {}, 0, "b", {}, false, "names "},
      {"strict: then it is waited for", SM::on, {"b"}, 0, "b", {}, true, ""},
      {"strict, and nobody ever was", SM::on, {}, 0, "", {}, true, "names __patroni_strict_sync_replica_placeholder__"},
      {"strict, quorum", SM::quorum, {}, 0, "", {}, true, "names ANY 1 (__patroni_strict_sync_replica_placeholder__)"},
      {"strict no longer", SM::on, {}, 0, "__patroni_strict_sync_replica_placeholder__", {}, false, "names "},
      {"strict, quorum: the old voters", SM::quorum, {"b", "c"}, 1, "ANY 1 (b)", {}, true, "names ANY 1 (b,c)"},
      {"quorum", SM::quorum, {}, 0, "", {row("b", 1000), row("c", 1000)}, false, "names ANY 1 (b,c)"},
      {"from on to quorum", SM::quorum, {"b"}, 0, "b", {row("b", 1000, 1)}, false, "names ANY 1 (b)"},
      {"from quorum to on",
       SM::on,
       {"b", "c"},
       1,
       "ANY 1 (b,c)",
       {row("b", 1000, 1), row("c", 1000, 1)},
       false,
       "names b"},
      {"the mode is off", SM::off, {"b"}, 0, "", {row("b", 1000)}, false, "delete"},
  };
  for (const auto& c : cases) {
    SyncScene scene(c.mode);
    scene.key("a", c.standbys, c.quorum).names(c.names).connected(c.rows);
    scene.seen.settings.synchronous_mode_strict = c.strict;
    EXPECT_EQ(change(scene.decide()), c.wanted) << c.what;
  }
}

TEST(Sync, TheWarningOfTheStrictModeComesOnce) {
  SyncScene scene;
  scene.key("a", {"b"}).names("b");
  scene.seen.settings.synchronous_mode_strict = true;
  const auto first = scene.decide();
  EXPECT_EQ(first.severity, Severity::warning);
  EXPECT_EQ(first.reason,
            "No active replication connections from Patroni members and synchronous_mode_strict is requested. Continue "
            "using old value of synchronous_standby_names=\"b\". Commits will be delayed.");
  scene.memory = first.memory;
  EXPECT_EQ(scene.decide().reason, "no action. I am (a), the leader with the lock");
}

TEST(Sync, BeforeAPromotion) {
  struct Case {
    const char* what;
    SM mode;
    const char* leader;
    std::vector<std::string> standbys;
    int quorum;
    bool strict;
    const char* names;  // the value in force
    const char* wanted;
  };
  const Case cases[] = {
      {"what the old primary has we wait for", SM::on, "b", {"a"}, 0, false, "", "names b"},
      {"set already", SM::on, "b", {"a"}, 0, false, "b", "StartJob promote"},
      {"two", SM::on, "b", {"a", "c"}, 0, false, "", "names 2 (b,c)"},
      {"quorum", SM::quorum, "b", {"a", "c"}, 1, false, "", "names ANY 1 (b,c)"},
      {"quorum, from outside", SM::quorum, "b", {"c", "d"}, 1, false, "", "names ANY 2 (b,c,d)"},
      {"our own", SM::on, "a", {}, 0, false, "b", "names "},
      {"our own, strict", SM::on, "a", {}, 0, true, "", "names __patroni_strict_sync_replica_placeholder__"},
      {"not active", SM::on, "", {}, 0, false, "", "StartJob promote"},
      {"off", SM::off, "b", {"a"}, 0, false, "", "StartJob promote"},
  };
  for (const auto& c : cases) {
    SyncScene scene(c.mode);
    scene.standby();
    scene.memory.race.raced_at = noon - 1s;
    scene.seen.postgres.sql->sync_names = c.names;
    scene.key(c.leader, c.standbys, c.quorum);
    scene.seen.settings.synchronous_mode_strict = c.strict;
    const auto decision = scene.decide();
    const auto action_name = action_names(decision);
    EXPECT_EQ(change(decision).empty() && !action_name.empty() ? action_name.front() : change(decision), c.wanted)
        << c.what;
  }
}

// Simulation, five nodes, seed 710006195: the winner's server crashed and came back 25 s later. Meanwhile the old
// primary, which was cut off in pause, had gone on with the standbys that had voted.
TEST(Sync, VotesDoNotCountForLong) {
  struct Case {
    const char* what;
    SM mode;
    Duration raced_ago;
    std::optional<Lsn> voter_at;  // nullopt: it has not been asked again yet
    const char* action_name;
  };
  for (const auto& c :
       {Case{"just raced", SM::quorum, 1s, {}, "StartJob promote"}, Case{"long ago", SM::quorum, 25s, {}, "PollPeers"},
        Case{"long ago, and again", SM::quorum, 25s, 1000, "StartJob promote"},
        Case{"the voter is ahead by now", SM::quorum, 25s, 2000, "ReleaseLeader"},
        Case{"all who are named have everything", SM::on, 25s, {}, "StartJob promote"}}) {
    SyncScene scene(c.mode);
    scene.standby();
    scene.memory.race.raced_at = noon - c.raced_ago;
    scene.key("b", {"a", "c"}, c.mode == SM::quorum ? 1 : 0);
    scene.seen.postgres.sql->sync_names = c.mode == SM::quorum ? "ANY 1 (b,c)" : "2 (b,c)";
    if (c.voter_at) scene.peer("c", true, *c.voter_at).dead_peer("b");
    EXPECT_EQ(action_names(scene.decide()).back(), c.action_name) << c.what << ": " << scene.decide().reason;
    scene.seen.cluster.failover = FailoverRequest{"", "a", {}};  // an operator accepts that commits may be lost
    EXPECT_EQ(action_names(scene.decide()).back(), "StartJob promote") << c.what;
  }
}

TEST(Sync, AfterAPromotionTheOldPrimaryIsAVoter) {
  struct Case {
    SM mode;
    bool strict;
    std::vector<std::string> standbys;
    int quorum;
    const char* names;
    const char* wanted;
  };
  const Case cases[] = {
      {SM::on, false, {"a"}, 0, "b", "key a /0"},
      {SM::on, true, {"a"}, 0, "b", "key a b/0"},
      {SM::quorum, false, {"a", "c"}, 1, "ANY 1 (b,c)", "key a b,c/1"},
      {SM::quorum, false, {"a", "c"}, 1, "", "key a /0"},  // no commit is safe with these names
  };
  for (const auto& c : cases) {
    SyncScene scene(c.mode);
    scene.seen.settings.synchronous_mode_strict = c.strict;
    scene.key("b", c.standbys, c.quorum).names(c.names);
    EXPECT_EQ(change(scene.decide()), c.wanted) << c.names;
  }
}

TEST(Sync, QuorumModeGivesTheStandbysAMomentAfterAPromotion) {
  SyncScene scene(SM::quorum);
  scene.key("a", {"b", "c"}, 1).names("ANY 1 (b,c)").job(JobKind::promote, JobState::succeeded);
  EXPECT_EQ(change(scene.decide()), "");
  scene.seen.job.ended_at = noon - 11s;
  EXPECT_EQ(change(scene.decide()), "key a /0");
  scene.seen.job.ended_at = noon;
  scene.seen.cluster.members.erase("b");
  scene.seen.cluster.members.erase("c");
  EXPECT_EQ(change(scene.decide()), "key a /0");
}

TEST(Sync, OnlyAMemberWithEveryAcknowledgedCommitTakesTheKey) {
  struct Case {
    const char* what;
    SM mode;
    std::vector<std::string> standbys;
    int quorum;
    std::function<void(Scene&)> peers;
    bool takes;
  };
  const auto both_at = [](Lsn old, Lsn other) {
    return [=](Scene& s) { s.peer("b", true, old).peer("c", true, other); };
  };
  const auto nobody = [](Scene& s) { s.dead_peer("b").dead_peer("c"); };
  const auto only_c = [](Lsn lsn, Timeline timeline = 1) {
    return [=](Scene& s) { s.dead_peer("b").peer("c", true, lsn, timeline); };
  };
  const Case cases[] = {
      {"named", SM::on, {"a"}, 0, nobody, true},
      {"not named", SM::on, {"c"}, 0, nobody, false},
      {"nobody is named", SM::on, {}, 0, nobody, false},
      {"not named in any case: letters", SM::on, {"A"}, 0, nobody, true},
      {"named, an asynchronous one is ahead", SM::on, {"a"}, 0, only_c(2000), true},
      {"another named one is ahead", SM::on, {"a", "c"}, 0, only_c(2000), false},
      {"the old primary is ahead, with what was not acknowledged", SM::on, {"a"}, 0, both_at(2000, 900), true},
      {"quorum 0", SM::quorum, {"a"}, 0, nobody, true},
      {"quorum 1, no other answers", SM::quorum, {"a", "c"}, 1, nobody, false},
      {"quorum 1, another is not ahead", SM::quorum, {"a", "c"}, 1, only_c(1000), true},
      {"quorum 1, the other is ahead", SM::quorum, {"a", "c"}, 1, only_c(1001), false},
      {"quorum 1, the old primary's vote counts", SM::quorum, {"a", "c"}, 1, both_at(1000, 0), true},
      {"from outside with a vote more", SM::quorum, {"c", "d"}, 1, both_at(1000, 1000), true},
      {"from outside, quorum 0: commits wait for who is named", SM::quorum, {"c"}, 0, only_c(1000), false},
      {"from outside without", SM::quorum, {"c"}, 0, nobody, false},
      {"a newer timeline's vote is none", SM::quorum, {"a", "c"}, 1, only_c(900, 2), false},
      {"an older timeline's position beyond the fork does not count",
       SM::quorum,
       {"a", "c"},
       1,
       [](Scene& s) { s.standby(1000, 2).dead_peer("b").peer("c", true, 2000, 1); },
       true},
      {"the mode is off", SM::off, {"c"}, 0, nobody, true},
      {"the mode has changed, the key not yet", SM::on, {"a", "c"}, 1, nobody, false},
  };
  for (const auto& c : cases) {
    SyncScene scene(c.mode);
    scene.standby().nobody_leads();
    scene.key("b", c.standbys, c.quorum);
    c.peers(scene);
    const auto decision = scene.decide();
    EXPECT_EQ(find<AcquireLeader>(decision) != nullptr, c.takes) << c.what << ": " << decision.reason;
  }
}

// In asynchronous mode first b and then a was the primary of a timeline 2. Then a synchronous mode was switched on.
TEST(Sync, VotesCompareHistoriesNotNumbers) {
  struct Case {
    const char* what;
    std::vector<std::string> standbys;
    int quorum;
    const char* c_began;     // how c's timeline 2 began; ours began with "a"
    const char* sync_began;  // how the timeline in the key sync began
    Lsn c_at;
    bool takes;
  };
  const Case cases[] = {
      {"not named, a vote of our history", {"c", "d"}, 1, "a", "a", 900, true},
      {"not named, a vote of another history", {"c", "d"}, 1, "b", "b", 900, false},
      {"not named, a vote of nobody knows which", {"c", "d"}, 1, "", "", 900, false},
      {"named, a vote of our history", {"a", "c"}, 1, "a", "a", 900, true},
      {"named, a vote of another history", {"a", "c"}, 1, "b", "b", 900, false},
      {"named, another history, which is not that of the key", {"a", "c"}, 1, "b", "a", 900, true},
      {"named, and that one is ahead by its position", {"a", "c"}, 1, "b", "a", 2000, true},
      {"named, by the numbers alone", {"a", "c"}, 1, "", "", 900, true},
  };
  const auto began = [](const char* record) { return TimelineStart{.timeline = 2, .lsn = 500, .record = record}; };
  for (const auto& c : cases) {
    SyncScene scene(SM::quorum);
    scene.standby(1000, 2).nobody_leads();
    scene.key("b", c.standbys, c.quorum).peer("b", true, c.c_at, 2).peer("c", true, c.c_at, 2);
    if (c.standbys.front() == "a") scene.dead_peer("b");
    scene.seen.postgres.sql->timelines = {began("a")};
    scene.seen.peers["b"].start = scene.seen.peers["c"].start = began(c.c_began);
    if (*c.sync_began) scene.seen.cluster.sync->timeline = began(c.sync_began);
    const auto decision = scene.decide();
    EXPECT_EQ(find<AcquireLeader>(decision) != nullptr, c.takes) << c.what << ": " << decision.reason;
  }
}

// A timeline with a higher number that was made in asynchronous mode has no commit that was acknowledged since.
TEST(Sync, ABranchOfAHigherNumberGetsNoVotesOfMembersBeyondItsFork) {
  for (const Lsn c_at : {Lsn{500}, Lsn{900}}) {
    SyncScene scene(SM::quorum);
    scene.standby(2000, 3).nobody_leads();
    scene.key("b", {"c", "d"}, 1).peer("b", true, c_at, 2).peer("c", true, c_at, 2);
    const TimelineStart second{.timeline = 2, .lsn = 400, .record = "a"};
    scene.seen.postgres.sql->timelines = {second, {.timeline = 3, .lsn = 500, .record = "b"}};
    scene.seen.peers["b"].start = scene.seen.peers["c"].start = second;
    scene.seen.cluster.sync->timeline = second;
    EXPECT_EQ(find<AcquireLeader>(scene.decide()) != nullptr, c_at == 500);
  }
}

// The key sync names this node (a) as the leader, and no standby. This node comes back with a lower WAL position than
// b, which the key does not name.
TEST(Sync, TheOldPrimaryDoesNotWaitForATwinThatCannotWin) {
  SyncScene scene(SM::quorum);
  scene.standby(1000, 2).nobody_leads();
  scene.key("a", {}, 0).dead_peer("c").peer("b", true, 2000, 2);
  EXPECT_TRUE(find<AcquireLeader>(scene.decide())) << scene.decide().reason;
}

TEST(Sync, TheKeyTellsTheTimelineThatItIsOf) {
  SyncScene scene;
  scene.primary(1000, 2);
  scene.key("a", {});
  scene.seen.postgres.sql->timelines = {{.timeline = 2, .lsn = 500, .record = "a"}};
  const auto told = scene.decide();
  const auto* write = find<WriteSync>(told);
  ASSERT_TRUE(write) << told.reason;
  EXPECT_EQ(write->state.timeline, scene.seen.postgres.sql->start());
  EXPECT_EQ(write->state.quorum, 0);
  scene.seen.cluster.sync->timeline = write->state.timeline;
  EXPECT_FALSE(find<WriteSync>(scene.decide()));
  scene.seen.postgres.sql->timelines.back().record.clear();
  EXPECT_FALSE(find<WriteSync>(scene.decide())) << "what is not known any more";
}

TEST(Sync, TheLeaderKeyIsTakenByTheKeySyncThatWasSeen) {
  SyncScene scene(SM::quorum);
  scene.standby().nobody_leads();
  scene.key("a", {"b", "c"}, 1).dead_peer("b").dead_peer("c");
  scene.seen.cluster.sync->revision = 7;
  scene.seen.cluster.status = Status{.optime = 900};
  scene.seen.cluster.status->revision = 9;
  EXPECT_TRUE(find<PollPeers>(scene.decide())) << "a leader has come and gone since the others were asked";
  scene.seen.peers_asked_by = {.sync = 7, .status = 9};
  const auto decision = scene.decide();
  const auto* acquire = find<AcquireLeader>(decision);
  ASSERT_TRUE(acquire && acquire->marks) << decision.reason;
  EXPECT_EQ(acquire->marks->sync, 7);
  EXPECT_EQ(acquire->marks->status, 9);
}

TEST(Sync, TheOldPrimaryComesBackAlone) {
  SyncScene scene(SM::quorum);
  scene.standby().nobody_leads();
  scene.key("a", {"b", "c"}, 1).dead_peer("b").dead_peer("c");
  EXPECT_TRUE(find<AcquireLeader>(scene.decide()));
  scene.peer("c", true, 1500);
  EXPECT_FALSE(find<AcquireLeader>(scene.decide()));
}

TEST(Sync, ASwitchoverGoesToASynchronousStandbyAManualFailoverAnywhere) {
  struct Case {
    const char* leader;
    const char* candidate;
    bool goes;
  };
  for (const auto& c : {Case{"a", "b", true}, Case{"a", "c", false}, Case{"", "c", true}, Case{"a", "", true}}) {
    SyncScene scene;
    scene.key("a", {"b"}).names("b").connected({row("b", 1000, 1), row("c", 1000)});
    scene.peer("b", true, 1000).peer("c", true, 1000);
    scene.seen.cluster.failover = FailoverRequest{.leader = c.leader, .candidate = c.candidate, .revision = 90};
    const auto decision = scene.decide();
    EXPECT_EQ(find<StartJob>(decision) != nullptr, c.goes) << c.leader << c.candidate << decision.reason;
    EXPECT_EQ(find<ClearFailover>(decision) == nullptr, c.goes);
  }
}

TEST(Sync, AnAsynchronousCandidateIsNotPromotedByASwitchover) {
  for (const bool switchover : {true, false}) {
    SyncScene scene;
    scene.standby().nobody_leads();
    scene.key("b", {"c"}).dead_peer("b").peer("c", true, 1000);
    scene.seen.cluster.failover = FailoverRequest{.leader = switchover ? "b" : "", .candidate = "a", .revision = 90};
    EXPECT_EQ(find<AcquireLeader>(scene.decide()) == nullptr, switchover);
  }
}

TEST(Sync, APrimaryThatWasLeftBehindDoesNotTakeTheKeyBack) {
  SyncScene scene;
  scene.nobody_leads();
  scene.key("b", {"c"}).dead_peer("b").dead_peer("c");
  EXPECT_FALSE(find<AcquireLeader>(scene.decide()));
  scene.key("a", {"c"});
  EXPECT_TRUE(find<AcquireLeader>(scene.decide()));
  scene.seen.cluster.history = {{.timeline = 1, .lsn = 900, .reason = "", .timestamp = "", .new_leader = "b"}};
  EXPECT_FALSE(find<AcquireLeader>(scene.decide()));
}

}  // namespace
}  // namespace tamada::core::testing
