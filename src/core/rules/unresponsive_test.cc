#include <gtest/gtest.h>

#include <functional>

#include "core/silence.h"
#include "core/stuck_disk.h"
#include "core/testing/scene.h"

namespace tamada::core::testing {
namespace {

const StartJob* stop_of(const Decision& decision) {
  const auto* job = find<StartJob>(decision);
  return job && job->kind == JobKind::stop ? job : nullptr;
}

// A leader that has answered no new connection for a ttl.
Scene silent_leader() {
  Scene s;
  s.we_lead().primary();
  s.seen.postgres.silent_since = noon - 30s;
  return s;
}

TEST(Unresponsive, AfterATtlTheServerIsEndedAndThenTheKeyGoes) {
  auto s = silent_leader();
  s.job(JobKind::start, JobState::succeeded, 5);
  const auto decision = s.decide();
  EXPECT_EQ(decision.rule, "unresponsive");
  EXPECT_EQ(decision.reason,
            "ending PostgreSQL so that another member takes over: PostgreSQL has answered no new connection for 30 s");
  ASSERT_TRUE(stop_of(decision));
  EXPECT_EQ(stop_of(decision)->stop_mode, StopMode::immediate);
  EXPECT_EQ(stop_of(decision)->timeout, 2s);
  EXPECT_EQ(decision.severity, Severity::warning);
  EXPECT_EQ(decision.memory.jobs.seen, 5u);
  EXPECT_FALSE(find<ReleaseLeader>(decision));

  s.memory = decision.memory;
  s.job(JobKind::stop, JobState::succeeded).stopped();
  s.seen.postgres.silent_since.reset();
  const auto after = s.decide();
  EXPECT_TRUE(find<ReleaseLeader>(after));
  EXPECT_EQ(after.reason, "failover: stopped, the leader key is free");
}

TEST(Unresponsive, WithoutAMemberThatCanTakeOverItIsStartedAgain) {
  auto s = silent_leader();
  s.seen.cluster.members["b"].tags.nofailover = true;
  s.seen.cluster.members["c"].state = "stopped";
  s.job(JobKind::start, JobState::succeeded, 5);
  const auto decision = s.decide();
  EXPECT_EQ(decision.reason,
            "ending PostgreSQL in order to start it again: PostgreSQL has answered no new connection for 30 s");
  ASSERT_TRUE(stop_of(decision));
  EXPECT_EQ(stop_of(decision)->stop_mode, StopMode::immediate);
  EXPECT_EQ(stop_of(decision)->timeout, 2s);
  EXPECT_EQ(decision.severity, Severity::warning);
  EXPECT_EQ(decision.memory.jobs.seen, 5u);
  s.memory = decision.memory;
  s.job(JobKind::stop, JobState::succeeded).stopped();
  s.seen.postgres.silent_since.reset();
  const auto after = s.decide();
  EXPECT_EQ(after.rule, "recover");
  EXPECT_FALSE(find<ReleaseLeader>(after));
}

TEST(Unresponsive, OnlyStandbysThatSyncNamesCount) {
  auto s = silent_leader();
  s.seen.settings.synchronous_mode = SynchronousMode::on;
  s.seen.cluster.sync = SyncState{.leader = "a", .standbys = {"c"}, .revision = 7};
  s.seen.cluster.members["c"].state = "stopped";
  EXPECT_TRUE(s.decide().reason.starts_with("ending PostgreSQL in order to start it again"));
}

TEST(Unresponsive, AServerThatDoesNotAnswerAtAllIsEndedToo) {
  auto s = silent_leader();
  s.seen.postgres.process = ProcessState::unresponsive;
  s.seen.postgres.sql.reset();
  EXPECT_EQ(s.decide().rule, "unresponsive");
}

TEST(Unresponsive, OtherwiseItGoesOn) {
  const std::pair<const char*, std::function<void(Scene&)>> cases[] = {
      {"a ttl is not over", [](Scene& s) { s.seen.postgres.silent_since = noon - 29s; }},
      {"it answers with an error",
       [](Scene& s) {
         s.seen.postgres.silent_since.reset();
         s.seen.postgres.connect_error = "FATAL:  sorry, too many clients already";
       }},
      {"warn", [](Scene& s) { s.seen.settings.primary_unresponsive = PrimaryUnresponsive::warn; }},
      {"off", [](Scene& s) { s.seen.settings.primary_unresponsive = PrimaryUnresponsive::off; }},
      {"pause", [](Scene& s) { s.seen.settings.pause = true; }},
      {"a standby", [](Scene& s) { s.b_leads().standby(); }},
      {"a standby whose leader key is ours", [](Scene& s) { s.standby(); }},
      {"its lease is over", [](Scene& s) { s.seen.lease.deadline = noon; }},
      {"a standby leader",
       [](Scene& s) {
         s.standby();
         s.seen.settings.standby_cluster = core::StandbyCluster{.host = "far"};
       }},
      {"it is being stopped", [](Scene& s) { s.seen.postgres.process = ProcessState::stopping; }},
      {"a job runs", [](Scene& s) { s.job(JobKind::stop, JobState::running); }},
  };
  for (const auto& [name, change] : cases) {
    auto s = silent_leader();
    change(s);
    EXPECT_FALSE(stop_of(s.decide())) << name;
  }
  // A standby leader that takes writes is the matter of another rule.
  auto s = silent_leader();
  s.seen.settings.standby_cluster = core::StandbyCluster{.host = "far"};
  EXPECT_EQ(s.decide().rule, "standby_leader");
}

TEST(Unresponsive, ATransientSilenceIsNotTold) {
  auto s = silent_leader();
  s.seen.postgres.silent_since = noon - 9s;
  EXPECT_FALSE(silent_since(s.seen));
  EXPECT_EQ(connection_problem(s.seen), "");
  s.seen.postgres.silent_since = noon - 10s;
  EXPECT_EQ(silent_since(s.seen), noon - 10s);
}

// A leader whose disk has completed no write for a ttl. Member b could take over.
Scene stuck_leader() {
  Scene s;
  s.we_lead().primary().peer("b", true, 1000);
  s.seen.postgres.disk_write_since = noon - 40s;
  s.seen.postgres.commit_since = noon - 30s;
  s.memory.server.flushed = 1000;
  s.memory.server.flushed_at = noon - 30s;
  return s;
}

TEST(StuckDisk, WhereAnotherCanTakeOverTheServerIsEndedAndThenTheKeyGoes) {
  auto s = stuck_leader();
  s.seen.peers.clear();
  s.seen.peers_asked_at = s.seen.peers_answered_at = {};
  const auto first = s.decide();
  EXPECT_EQ(first.reason, "the disk is stuck: asking which members can take over");
  EXPECT_EQ(action_names(first), std::vector<std::string>{"PollPeers"});

  s.memory = first.memory;
  s.peer("b", true, 1000);
  const auto decision = s.decide();
  EXPECT_EQ(decision.rule, "unresponsive");
  EXPECT_EQ(decision.reason,
            "ending PostgreSQL so that another member takes over: its disk has completed no write for 30 s");
  ASSERT_TRUE(stop_of(decision));
  EXPECT_EQ(stop_of(decision)->stop_mode, StopMode::immediate);
  EXPECT_FALSE(find<ReleaseLeader>(decision));

  s.memory = decision.memory;
  s.job(JobKind::stop, JobState::succeeded).stopped();
  const auto after = s.decide();
  EXPECT_TRUE(find<ReleaseLeader>(after));
}

TEST(StuckDisk, OfAServerWhoseQueriesHangTooIsOneAllTheSame) {
  auto s = stuck_leader();
  s.seen.postgres.process = ProcessState::unresponsive;
  s.seen.postgres.sql.reset();
  EXPECT_TRUE(stop_of(s.decide()));
}

// Members that may not take over by what the DCS says are not asked.
TEST(StuckDisk, AsksWhoMayTakeOver) {
  struct Case {
    const char* name;
    std::function<void(Scene&)> change;
    std::vector<std::string> asked;
  };
  const auto answered = [](Instant asked_at, Instant at) {
    return [asked_at, at](Scene& s) {
      s.seen.peers_asked_at = asked_at;
      s.seen.peers_answered_at = s.memory.answers.peers_seen = at;
    };
  };
  const Case cases[] = {
      {"all others", [](Scene&) {}, {"b", "c"}},
      {"not whose address is not known", [](Scene& s) { s.seen.cluster.members["c"].api_url.clear(); }, {"b"}},
      {"not who must not be promoted", [](Scene& s) { s.seen.cluster.members["b"].tags.nofailover = true; }, {"c"}},
      {"nobody, if nobody may",
       [](Scene& s) {
         s.seen.cluster.members["b"].tags.nofailover = s.seen.cluster.members["c"].tags.nofailover = true;
       },
       {}},
      {"who is in sync",
       [](Scene& s) {
         s.seen.settings.synchronous_mode = SynchronousMode::on;
         s.seen.cluster.sync = SyncState{.leader = "a", .standbys = {"c"}, .revision = 7};
       },
       {"c"}},
      {"nobody before a ttl is over", [](Scene& s) { s.seen.postgres.commit_since = noon - 29s; }, {}},
      {"nobody again while the answers are fresh", answered(noon - 2s, noon - 999ms), {}},
      {"all again after a second", answered(noon - 2s, noon - 1s), {"b", "c"}},
      {"all again if a ttl was not over when they were asked", answered(noon - 2001ms, noon), {"b", "c"}},
  };
  for (const auto& [name, change, asked] : cases) {
    auto s = stuck_leader();
    s.seen.postgres.commit_since = s.memory.server.flushed_at = noon - 32s;
    s.dead_peer("b");
    s.seen.peers_asked_at = s.seen.peers_answered_at = {};
    change(s);
    const auto decision = s.decide();
    std::vector<std::string> names;
    if (const auto* poll = find<PollPeers>(decision)) {
      for (const auto& member : poll->members) names.push_back(member.name);
      EXPECT_EQ(decision.severity, Severity::debug) << name;
    }
    EXPECT_EQ(names, asked) << name;
    EXPECT_EQ(decision.rule == "unresponsive", !asked.empty()) << name;
  }
}

TEST(StuckDisk, WhileQueriesHangTooOnlyAStandbyThatMayBePromotedTakesOver) {
  const std::function<void(Scene&)> changes[] = {
      [](Scene& s) { s.dead_peer("b"); },
      [](Scene& s) { s.peer("b", false, 1000); },
      [](Scene& s) { s.seen.peers["b"].nofailover = true; },
  };
  for (const auto& change : changes) {
    auto s = stuck_leader();
    s.seen.postgres.process = ProcessState::unresponsive;
    s.seen.postgres.sql.reset();
    change(s);
    EXPECT_FALSE(stop_of(s.decide())) << &change - changes;
  }
}

// The key /sync stays for a moment when the mode is switched off.
TEST(StuckDisk, TheKeySyncCountsOnlyInASynchronousMode) {
  auto s = stuck_leader();
  s.seen.cluster.sync = SyncState{.leader = "a", .standbys = {"b", "c"}, .quorum = 1, .revision = 7};
  EXPECT_TRUE(stop_of(s.decide()));
}

TEST(StuckDisk, OtherwiseThePrimaryGoesOn) {
  const std::pair<const char*, std::function<void(Scene&)>> cases[] = {
      {"the write began less than a ttl ago", [](Scene& s) { s.seen.postgres.disk_write_since = noon - 29s; }},
      {"the commit began less than a ttl ago", [](Scene& s) { s.seen.postgres.commit_since = noon - 29s; }},
      {"no commit could be tried, or it came back", [](Scene& s) { s.seen.postgres.commit_since.reset(); }},
      {"the write has come back", [](Scene& s) { s.seen.postgres.disk_write_since.reset(); }},
      {"WAL has been flushed since", [](Scene& s) { s.memory.server.flushed_at = noon - 29s; }},
      {"WAL is flushed now", [](Scene& s) { s.seen.postgres.sql->wal_lsn = 1001; }},
      {"it has just come up", [](Scene& s) { s.memory.server.up_since = noon - 29s; }},
      {"it recovers from a crash",
       [](Scene& s) {
         s.seen.postgres.process = ProcessState::starting;
         s.seen.postgres.sql.reset();
       }},
      {"nobody answers", [](Scene& s) { s.dead_peer("b"); }},
      {"who answers is a primary", [](Scene& s) { s.peer("b", false, 1000); }},
      {"who answers is far behind", [](Scene& s) { s.primary(2'000'000'000).memory.server.flushed = 2'000'000'000; }},
      {"who answers may not be promoted", [](Scene& s) { s.seen.peers["b"].nofailover = true; }},
      {"who answers must not be promoted, says its key",
       [](Scene& s) {
         s.seen.cluster.members["b"].tags.nofailover = true;
         s.seen.cluster.members["c"].tags.nofailover = true;
       }},
      {"the disk of who answers is stuck, too", [](Scene& s) { s.seen.peers["b"].disk_stuck = true; }},
      {"sync does not name who answers",
       [](Scene& s) {
         s.seen.settings.synchronous_mode = SynchronousMode::on;
         s.seen.cluster.sync = SyncState{.leader = "a", .standbys = {"c"}, .revision = 7};
       }},
      {"of a quorum of two one answers",
       [](Scene& s) {
         s.seen.settings.synchronous_mode = SynchronousMode::quorum;
         s.seen.cluster.sync = SyncState{.leader = "a", .standbys = {"b", "c"}, .quorum = 1, .revision = 7};
       }},
      {"warn", [](Scene& s) { s.seen.settings.primary_unresponsive = PrimaryUnresponsive::warn; }},
      {"off", [](Scene& s) { s.seen.settings.primary_unresponsive = PrimaryUnresponsive::off; }},
      {"pause", [](Scene& s) { s.seen.settings.pause = true; }},
      {"a standby", [](Scene& s) { s.b_leads().standby(); }},
      {"it is being stopped", [](Scene& s) { s.seen.postgres.process = ProcessState::stopping; }},
      {"a job runs", [](Scene& s) { s.job(JobKind::stop, JobState::running); }},
  };
  for (const auto& [name, change] : cases) {
    auto s = stuck_leader();
    change(s);
    EXPECT_FALSE(stop_of(s.decide())) << name;
  }
}

TEST(StuckDisk, IsToldAfterLoopWait) {
  auto s = stuck_leader();
  s.seen.postgres.disk_write_since = noon - 9s;
  EXPECT_EQ(stuck_disk_problem(s.seen, s.memory), "");
  s.seen.settings.loop_wait = 1s;
  s.seen.postgres.disk_write_since = noon - 5s + 1ms;
  EXPECT_EQ(stuck_disk_problem(s.seen, s.memory), "");
  s.seen.postgres.disk_write_since = noon - 5s;
  EXPECT_NE(stuck_disk_problem(s.seen, s.memory), "");
  s.seen.settings.loop_wait = 10s;
  s.seen.postgres.disk_write_since = noon - 10s;
  EXPECT_EQ(stuck_disk_problem(s.seen, s.memory), "PostgreSQL flushes no WAL: commits wait for the disk");
  s.seen.settings.primary_unresponsive = PrimaryUnresponsive::warn;
  EXPECT_NE(stuck_disk_problem(s.seen, s.memory), "");
  s.seen.settings.primary_unresponsive = PrimaryUnresponsive::off;
  EXPECT_EQ(stuck_disk_problem(s.seen, s.memory), "");
  s.seen.settings.primary_unresponsive = PrimaryUnresponsive::failover;
  s.standby();
  EXPECT_EQ(stuck_disk_problem(s.seen, s.memory), "");
}

// The processes of the server wait in the kernel for the disk, so SIGKILL does not end them.
struct KilledInVain : ::testing::Test {
  KilledInVain() {
    s = stuck_leader();
    s.memory = s.decide().memory;
    s.job(JobKind::stop, JobState::failed);
    s.seen.fence.guarded = true;
    s.seen.job.error = "postgres does not end, not even by SIGKILL";
    s.seen.postgres.process = ProcessState::unresponsive;
    s.seen.postgres.sql.reset();
    s.seen.lease.confirmed_at = s.seen.lease.attempted_at = noon - 22s;
    s.seen.lease.deadline = noon + 8s;
  }
  static bool renews(const Decision& decision) { return find<RenewLease>(decision) || find<EnsureLease>(decision); }
  Scene s;
};

TEST_F(KilledInVain, TheKeyGoesWithTheLeaseWhichIsNotRenewed) {
  const auto decision = s.decide();
  EXPECT_EQ(decision.reason,
            "failover: PostgreSQL's processes do not end, not even by SIGKILL: the leader key ends with its lease");
  EXPECT_TRUE(action_names(decision).empty());
  EXPECT_FALSE(renews(decision));
  EXPECT_EQ(decision.memory.fence.until, s.seen.lease.deadline);

  // etcd ends the lease a moment later than this node expects.
  s.memory = decision.memory;
  s.seen.lease.deadline = noon - 1s;
  const auto later = s.decide();
  EXPECT_EQ(later.reason, decision.reason);
  EXPECT_FALSE(renews(later));
  EXPECT_TRUE(action_names(later).empty());

  s.memory = later.memory;
  s.nobody_leads();
  const auto gone = s.decide();
  EXPECT_EQ(gone.reason, "failover: the leader key has ended with its lease");
  EXPECT_TRUE(renews(gone));  // for the member key
  s.memory = gone.memory;
  for (const bool another : {false, true}) {
    if (another) s.b_leads();
    const auto after = s.decide();
    EXPECT_FALSE(find<AcquireLeader>(after)) << another;
    EXPECT_FALSE(after.memory.hand_over.under_way()) << another;
  }
}

TEST_F(KilledInVain, AsWellWhereOnlyThePostmasterHasEnded) {
  s.stopped();
  const auto decision = s.decide();
  EXPECT_FALSE(find<ReleaseLeader>(decision));
  EXPECT_FALSE(renews(decision));
}

TEST_F(KilledInVain, AServerThatAnswersAfterAllIsNotGivenUp) {
  s.memory = s.decide().memory;
  s.primary();
  s.seen.postgres.disk_write_since.reset();
  const auto decision = s.decide();
  EXPECT_FALSE(decision.memory.hand_over.under_way());
  EXPECT_FALSE(decision.memory.hand_over.by_lease);
  EXPECT_TRUE(renews(decision));
}

TEST_F(KilledInVain, TheLeaseIsKeptUnlessSigkillWasSentAndAGuardSendsItAgain) {
  for (const bool cancelled : {false, true}) {
    auto one = s;
    if (cancelled) one.seen.job.cancelled_at = noon - 1s;
    if (!cancelled) one.seen.fence.guarded = false;
    const auto decision = one.decide();
    EXPECT_TRUE(renews(decision)) << cancelled;
    EXPECT_FALSE(decision.memory.hand_over.by_lease) << cancelled;
    EXPECT_FALSE(find<ReleaseLeader>(decision)) << cancelled;
  }
}

TEST_F(KilledInVain, AHandOverThatIsOverLeavesTheLeaseAlone) {
  s.memory = s.decide().memory;
  s.memory.hand_over.why.clear();
  const auto decision = s.decide();
  EXPECT_TRUE(renews(decision));
  EXPECT_FALSE(decision.memory.hand_over.by_lease);
}

TEST_F(KilledInVain, InPauseNothingEndsByItself) {
  s.memory = s.decide().memory;
  s.seen.settings.pause = true;
  EXPECT_TRUE(renews(s.decide()));
}

}  // namespace
}  // namespace tamada::core::testing
