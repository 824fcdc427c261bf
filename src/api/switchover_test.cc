#include <gtest/gtest.h>

#include "api/test_fakes.h"

namespace tamada::api {
namespace {

using namespace test;

constexpr auto n1_url = "http://127.0.0.1:27201/patroni";
constexpr auto n2_url = "http://127.0.0.1:27202/patroni";
constexpr auto good = R"({"state": "running", "role": "replica", "xlog": {"received_location": 67109000}})";

void set_sync(Snapshot& s) {
  s.seen.cluster.config_json = R"({"synchronous_mode":true})";
  s.seen.cluster.sync = core::SyncState{"n0", {"n1"}, 0, 3};
}

TEST(Switchover, Refusals) {
  auto snapshot = leader();
  set_sync(snapshot);
  Node node(snapshot);
  node.peers = {{n1_url, good}, {n2_url, good}};
  struct Case {
    const char *path, *body, *said;
  };
  const Case cases[] = {
      {"/switchover", R"({"leader":"nosuch"})", "412 leader name does not match"},
      {"/switchover", R"({"candidate":"n1"})", "400 Switchover could be performed only from a specific leader"},
      {"/switchover", R"({"leader":"n0","candidate":"n0"})", "400 Switchover target and source are the same"},
      {"/switchover", R"({"leader":"n0","candidate":"zzz"})", "412 candidate name does not match with sync_standby"},
      {"/switchover", R"({"leader":"n0","candidate":"n2"})", "412 candidate name does not match with sync_standby"},
      {"/switchover", R"({"leader":"n0","scheduled_at":"yesterday"})",
       "422 Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601"},
      {"/switchover", R"({"leader":"n0","scheduled_at":"2020-01-01T00:00:00+00:00"})",
       "422 Cannot schedule switchover in the past"},
      {"/switchover", R"({"leader":"n0","scheduled_at":"2099-01-01T00:00:00"})",
       "400 Timezone information is mandatory for the scheduled switchover"},
      {"/failover", R"({"leader":"n0"})", "400 Failover could be performed only to a specific candidate"},
      {"/failover", R"({"candidate":"n1","scheduled_at":"2099-01-01T00:00:00+00:00"})",
       "400 Failover can't be scheduled"},
      {"/failover", R"({"candidate":"zzz"})", "412 candidate does not exists"},
      {"/failover", R"({"leader":"n9","candidate":"n1"})", "412 leader name does not match"},
  };
  for (const auto& c : cases) EXPECT_EQ(node.ask("POST", c.path, c.body), c.said) << c.body;
  EXPECT_EQ(node.ask("POST", "/switchover", "{}").substr(0, 3), "400");
  EXPECT_EQ(node.ask("POST", "/failover").substr(0, 3), "411");
  EXPECT_TRUE(node.agent.failovers.empty());

  node.publish([](Snapshot& s) { s.seen.cluster.sync.reset(); });
  EXPECT_EQ(node.ask("POST", "/switchover", R"({"leader":"n0"})"),
            "412 switchover is not possible: can not find sync_standby");
  node.publish([](Snapshot& s) { s.seen.cluster.config_json = R"({"pause":true})"; });
  EXPECT_EQ(node.ask("POST", "/switchover", R"({"leader":"n0"})"),
            "400 Switchover is possible only to a specific candidate in a paused state");
  EXPECT_EQ(node.ask("POST", "/switchover", R"({"leader":"n0","scheduled_at":"2099-01-01T00:00:00+00:00"})"),
            "400 Can't schedule switchover in the paused state");
}

TEST(Switchover, AsksTheCandidates) {
  Node node(leader());
  const std::string none = "412 switchover is not possible: no good candidates have been found: ";
  const std::string n1_silent = "n1 does not answer on " + std::string(n1_url);
  const std::string n2_silent = "n2 does not answer on " + std::string(n2_url);
  EXPECT_EQ(node.ask("POST", "/switchover", R"({"leader":"n0"})"), none + n1_silent + "; " + n2_silent);
  EXPECT_EQ(node.asked.size(), 2U);
  struct Case {
    const char *answer, *reason;
  };
  const Case cases[] = {
      {R"({"state": "stopped", "role": "replica"})", "n1: PostgreSQL is not running"},
      {R"({"state": "running", "xlog": {"received_location": 1}, "tags": {"nofailover": true}})",
       "n1 is tagged as nofailover"},
      {R"({"state": "running", "xlog": {"received_location": 1}, "tags": {"failover_priority": 0}})",
       "n1 is tagged as nofailover"},
      {R"({"state": "running", "xlog": {"received_location": 1}, "watchdog_failed": true})", "n1: its watchdog failed"},
      {R"({"state": "running", "role": "replica", "xlog": {"received_location": 16777216}})",
       "n1: lag 48 MB over the limit of 1 MB"},
      {R"({"state": "running", "role": "primary", "xlog": {"location": 67109000}})", "n1 is a primary"},
      {"junk", nullptr}};
  for (const auto& c : cases) {
    node.peers = {{n1_url, c.answer}};
    EXPECT_EQ(node.ask("POST", "/switchover", R"({"leader":"n0"})"),
              none + (c.reason ? c.reason : n1_silent) + "; " + n2_silent);
  }
  node.peers = {{n1_url, good}};
  EXPECT_EQ(node.ask("POST", "/switchover", R"({"leader":"n0","candidate":"n2"})"), none + n2_silent);
  EXPECT_EQ(*node.answer->header("Tamada-Reason"), n2_silent);
  EXPECT_EQ(node.ask("POST", "/switchover", R"({"leader":"n0"})"), "waiting");
  node.publish([](Snapshot& s) { s.seen.cluster.members.erase("n1"), s.seen.cluster.members.erase("n2"); });
  EXPECT_EQ(node.ask("POST", "/switchover", R"({"leader":"n0"})"),
            "412 switchover is not possible: cluster does not have members except leader");
}

// Just after a promotion the candidate's position is on the previous timeline, and our list of streaming standbys is a
// moment old.
TEST(Switchover, ACandidateThatSaysThatItStreamsIsJudgedByTheLeader) {
  Node node(leader());
  node.publish([](Snapshot& s) {
    s.seen.postgres.sql->timeline = 2;
    s.seen.postgres.sql->replication.clear();
  });
  const std::string n1 =
      R"({"state": "running", "role": "replica", "xlog": {"received_location": 67109000}, "timeline": 1)";
  node.peers = {{n1_url, n1 + "}"}};
  EXPECT_TRUE(node.ask("POST", "/switchover", R"({"leader":"n0","candidate":"n1"})").contains("n1 is on timeline 1"));
  EXPECT_EQ(node.agent.refreshes, 1);  // pg_stat_replication is read again, however recent the last observation is
  node.peers = {{n1_url, n1 + R"(, "replication_state": "streaming"})"}};
  EXPECT_EQ(node.ask("POST", "/switchover", R"({"leader":"n0","candidate":"n1"})"), "waiting");
}

TEST(Switchover, TaggedCandidateIsRefusedInPatronisWords) {
  auto snapshot = leader();
  snapshot.seen.cluster.members["n1"].tags.nofailover = true;
  Node node(snapshot);
  node.peers = {{n1_url, good}};
  EXPECT_EQ(node.ask("POST", "/failover", R"({"candidate":"n1"})"),
            "412 failover is not possible: no good candidates have been found");
}

TEST(Failover, WithoutALeaderLagDoesNotMatter) {
  auto snapshot = replica("n2");
  snapshot.seen.cluster.leader.reset();
  Node node(snapshot);
  node.peers = {{n1_url, R"({"state": "running", "role": "replica", "xlog": {"received_location": 1}})"}};
  EXPECT_EQ(node.ask("POST", "/failover", R"({"candidate":"n1"})"), "waiting");
}

TEST(Failover, AfterTheKeysWereLostItNeedsForceWhileAMemberIsSilent) {
  auto snapshot = replica("n2");
  auto& seen = snapshot.seen;
  seen.cluster.leader.reset();
  seen.cluster.initialize.reset();
  seen.settings.failsafe_mode = true;
  auto& memory = snapshot.decision.memory;
  memory.leadership.unlocked_since = seen.now - std::chrono::seconds(40);
  memory.electorate.members = {{"n0", {.api_url = "http://n0:8008/patroni"}}, {"n1", {.api_url = n1_url}}};
  seen.peers_asked_at = seen.now - std::chrono::seconds(1);
  seen.peers["n1"] = {.name = "n1", .reachable = true, .in_recovery = true, .running = true};
  Node node(snapshot);
  node.peers = {{n1_url, R"({"state": "running", "role": "replica", "xlog": {"received_location": 1}})"}};
  const auto refusal = node.ask("POST", "/failover", R"({"candidate":"n1"})");
  EXPECT_TRUE(refusal.starts_with("412 failover is not possible: all keys in the DCS are gone, and n0 did not answer"))
      << refusal;
  EXPECT_TRUE(refusal.contains("--force")) << refusal;
  EXPECT_TRUE(node.agent.failovers.empty());
  EXPECT_EQ(node.ask("POST", "/failover", R"({"candidate":"n1","force":true})"), "waiting");
  ASSERT_EQ(node.agent.failovers.size(), 1U);
  EXPECT_TRUE(node.agent.failovers[0].force);
}

void take_over_in(core::ClusterView& view, const char* name) {
  view.leader = core::Leader{name, 50, 50, core::LeaseId("200")};
}
void take_over(Snapshot& s, const char* name) { take_over_in(s.seen.cluster, name); }
void drop_key(Snapshot& s) {
  s.seen.cluster.failover.reset();
  s.seen.cluster.failover_revision += 1;  // Patroni writes {}
}

TEST(Switchover, AnswersAsSoonAsThereIsANewLeader) {
  Node node(leader());
  node.peers = {{n1_url, good}, {n2_url, good}};
  EXPECT_EQ(node.ask("POST", "/switchover", R"({"leader":"n0","candidate":"n2"})"), "waiting");
  ASSERT_EQ(node.agent.failovers.size(), 1U);
  EXPECT_EQ(node.agent.failovers[0].leader, "n0");
  EXPECT_EQ(node.agent.failovers[0].candidate, "n2");
  node.publish([](Snapshot& s) { s.seen.cluster.leader.reset(); });
  EXPECT_EQ(node.said(), "waiting");
  node.publish([](Snapshot& s) { take_over(s, "n2"); });
  EXPECT_EQ(node.said(), "200 Successfully switched over to \"n2\"");
  EXPECT_EQ(*node.answer->header("Content-Type"), "text/html");
  EXPECT_EQ(node.clock.sleeping, 0) << "a timer is left";
}

TEST(Switchover, ToAnotherThanTheCandidate) {
  Node node(leader());
  node.peers = {{n2_url, good}};
  node.start("POST", "/failover", R"({"candidate":"n2"})");
  node.publish([](Snapshot& s) { take_over(s, "n1"); });
  EXPECT_EQ(node.said(), "200 Failed over to \"n1\" instead of \"n2\"");
}

TEST(Switchover, FailsIfTheRequestIsDeletedAndTheLeaderStays) {
  Node node(leader());
  node.peers = {{n2_url, good}};
  node.start("POST", "/switchover", R"({"leader":"n0"})");
  node.publish([](Snapshot& s) { s.seen.cluster.failover_revision = 2000; });
  EXPECT_EQ(node.said(), "waiting");
  node.publish(drop_key);
  EXPECT_EQ(node.said(), "503 Switchover failed");
}

TEST(Switchover, ADeletedRequestIsNoFailureWhileNobodyLeads) {
  Node node(leader());
  node.peers = {{n2_url, good}};
  node.start("POST", "/switchover", R"({"leader":"n0"})");
  node.publish([](Snapshot& s) { s.seen.cluster.leader.reset(), drop_key(s); });
  EXPECT_EQ(node.said(), "waiting");
  node.publish([](Snapshot& s) { take_over(s, "n1"); });
  EXPECT_EQ(node.said(), "200 Successfully switched over to \"n1\"");
}

TEST(Switchover, StatusUnknownInTheEnd) {
  Node node(leader());
  node.publish([](Snapshot& s) { s.seen.settings.loop_wait = 12s; });
  node.peers = {{n2_url, good}};
  node.start("POST", "/switchover", R"({"leader":"n0"})");
  node.pass(23s);
  EXPECT_EQ(node.said(), "waiting");
  node.pass(1s);
  EXPECT_EQ(node.said(), "503 Switchover status unknown after 24 seconds; operation may still be in progress");
}

TEST(Switchover, OverwritesTheEmptyRequestThatPatroniLeaves) {
  Node node(leader());
  node.peers = {{n2_url, good}};
  node.publish([](Snapshot& s) { s.seen.cluster.failover_revision = 33; });  // {}
  node.start("POST", "/switchover", R"({"leader":"n0"})");
  EXPECT_EQ(node.agent.failovers.size(), 1U);
}

TEST(Switchover, WithoutTheDcs) {
  Node node(leader());
  node.peers = {{n2_url, good}};
  node.agent.dcs_down = true;
  EXPECT_EQ(node.ask("POST", "/switchover", R"({"leader":"n0"})"), "503 DCS request failed: etcd is down");
}

// The board still shows n0 as the leader, and a cluster that is not paused.
TEST(Switchover, IsDecidedByWhatTheDcsHolds) {
  Node node(leader());
  node.peers = {{n1_url, good}, {n2_url, good}, {"http://127.0.0.1:27200/patroni", good}};
  node.agent.held = node.board.latest()->seen.cluster;
  take_over_in(*node.agent.held, "n1");
  node.agent.held->revision = 100;
  EXPECT_EQ(node.ask("POST", "/switchover", R"({"leader":"n0"})"), "412 leader name does not match");
  node.agent.held->config_json = R"({"pause":true})";
  EXPECT_EQ(node.ask("POST", "/switchover", R"({"leader":"n1"})"),
            "400 Switchover is possible only to a specific candidate in a paused state");
}

// The board still shows that n0 leads, as it did before n1 took over. That is not the outcome of this request.
TEST(Switchover, TheOutcomeIsNotReadFromAnOlderBoard) {
  Node node(replica("n2"));
  node.peers = {{"http://127.0.0.1:27200/patroni", good}};
  node.agent.shows = false;
  node.agent.held = node.board.latest()->seen.cluster;
  node.agent.held->revision = 100;
  take_over_in(*node.agent.held, "n1");
  EXPECT_EQ(node.ask("POST", "/switchover", R"({"leader":"n1","candidate":"n0"})"), "waiting");
  node.publish([&](Snapshot& s) { s.seen.cluster = *node.agent.held; });
  EXPECT_EQ(node.said(), "waiting");
  node.publish([](Snapshot& s) { take_over(s, "n0"); });
  EXPECT_EQ(node.said(), "200 Successfully switched over to \"n0\"");
}

TEST(Switchover, AScheduledOneThatTheBoardDoesNotShowYetIsDeleted) {
  Node node(leader());
  node.agent.held = node.board.latest()->seen.cluster;
  node.agent.held->failover = core::FailoverRequest{"n0", "", core::WallTime(std::chrono::seconds(4070908800)), 50};
  node.agent.held->failover_revision = 50;
  EXPECT_EQ(node.ask("DELETE", "/switchover"), "200 scheduled switchover deleted");
}

TEST(Switchover, ScheduledAndDeleted) {
  Node node(leader());
  EXPECT_EQ(node.ask("DELETE", "/switchover"), "404 no switchover is scheduled");
  EXPECT_EQ(node.ask("POST", "/switchover", R"({"leader":"n0","scheduled_at":"2099-01-01T00:00:00+00:00"})"),
            "202 Switchover scheduled");
  ASSERT_EQ(node.agent.failovers.size(), 1U);
  EXPECT_EQ(node.agent.failovers[0].scheduled_at, core::WallTime(std::chrono::seconds(4070908800)));
  EXPECT_EQ(node.ask("DELETE", "/switchover"), "200 scheduled switchover deleted");
  EXPECT_EQ(node.ask("DELETE", "/switchover"), "404 no switchover is scheduled");
}

}  // namespace
}  // namespace tamada::api
