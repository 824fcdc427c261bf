#include "api/journal.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/test_fakes.h"

namespace tamada::api {
namespace {

using namespace test;
using Json = nlohmann::ordered_json;

std::vector<std::string> texts(const Journal& journal, std::string_view type) {
  std::vector<std::string> out;
  for (const auto& event : journal.since(0)) {
    if (event.type == type) out.push_back(event.text);
  }
  return out;
}

// The publications of one node during a switchover from n0 to n1. Each line of a test makes one publication.
struct Story {
  explicit Story(Snapshot first) : now(std::move(first)) { show(); }

  void show() { journal.look(now); }
  Story& after(core::Duration time) {
    now.seen.now += time;
    return *this;
  }
  void request(std::string leader, std::string candidate) {
    now.seen.cluster.failover = core::FailoverRequest{std::move(leader), std::move(candidate), std::nullopt, 90};
    show();
  }
  void key(const std::string& holder) {
    if (holder.empty()) {
      now.seen.cluster.leader.reset();
    } else {
      now.seen.cluster.leader = core::Leader{holder, 95, 95, core::LeaseId("101")};
    }
    show();
  }
  void decides(std::string_view rule, std::string reason) {
    now.decision.rule = rule;
    now.decision.reason = std::move(reason);
    show();
  }

  Snapshot now;
  Journal journal;
};

TEST(Journal, AnEventIsTakenOnce) {
  Story story(replica());
  const auto before = story.journal.last_id();
  story.decides("replica", "no action. I am (n1)");
  story.decides("replica", "no action. I am (n1)");
  story.decides("race", "PostgreSQL is still starting up, 299 seconds until timeout");
  story.decides("race", "PostgreSQL is still starting up, 298 seconds until timeout");
  story.now.decision.severity = core::Severity::debug;
  story.decides("race", "asking");
  const auto news = story.journal.since(before);
  ASSERT_EQ(news.size(), 2u);
  EXPECT_EQ(news[0].text, "no action. I am (n1)");
  EXPECT_EQ(Json::parse(news[1].json)["rule"], "race");
  EXPECT_EQ(story.journal.decisions_by_rule().at("race"), 3u);
}

TEST(Journal, IsBounded) {
  Story story(replica());
  for (int i = 0; i < 3000; ++i) story.decides(i % 2 ? "race" : "replica", "x");
  EXPECT_EQ(story.journal.since(0).size(), 2000u);
  EXPECT_EQ(story.journal.since(story.journal.last_id()).size(), 0u);
}

TEST(Handover, OldLeaderSeesAllPhases) {
  Story story(leader());
  story.request("n0", "n1");
  auto& job = story.now.seen.job;
  story.after(2ms);
  job = {.kind = core::JobKind::stop, .state = core::JobState::running, .id = 1, .started_at = story.now.seen.now};
  job.step = "checkpoint";
  job.step_since = job.started_at;
  story.now.decision.memory.hand_over.why = "switchover";
  story.show();
  story.after(100ms);
  job.step = "shutdown";
  job.step_since = job.started_at + 40ms;
  job.state = core::JobState::succeeded;
  job.ended_at = story.now.seen.now;
  story.now.seen.postgres.sql.reset();
  story.show();
  story.now.decision.memory.hand_over.why.clear();
  story.key("");
  story.after(20ms).key("n1");
  story.after(80ms).now.seen.cluster.members["n1"].role = "primary";
  story.show();

  const auto& handover = *story.journal.handover();
  EXPECT_EQ(handover.state, Handover::State::done);
  EXPECT_EQ(handover.from + ">" + handover.to, "n0>n1");
  EXPECT_EQ(handover.outage(), 160ms) << "counted from the end of the checkpoint";
  EXPECT_EQ(texts(story.journal, "handover"),
            (std::vector<std::string>{"switchover: checkpoint took 40 ms", "switchover: stop took 60 ms",
                                      "switchover: hand-over took 20 ms", "switchover: promote took 80 ms",
                                      "switchover: n1 is the primary after 202 ms"}));
}

TEST(Handover, ARefusedOneTellsTheReason) {
  Story story(leader());
  story.request("n0", "n2");
  story.decides("switchover", "switchover: no healthy members found: n2: lag 48 MB over the limit of 1 MB");
  story.now.seen.cluster.failover.reset();
  story.decides("leader", "no action. I am (n0), the leader with the lock");
  EXPECT_EQ(story.journal.handover()->state, Handover::State::failed);
  EXPECT_EQ(story.journal.handover()->reason,
            "switchover: no healthy members found: n2: lag 48 MB over the limit of 1 MB");
}

TEST(Handover, AScheduledOneBeginsWhenItIsDue) {
  Story story(leader());
  story.now.seen.cluster.failover = core::FailoverRequest{"n0", "n1", core::WallTime(std::chrono::seconds(100)), 90};
  story.show();
  EXPECT_FALSE(story.journal.handover());
  story.now.seen.wall = core::WallTime(std::chrono::seconds(100));
  story.show();
  EXPECT_TRUE(story.journal.handover());
}

TEST(Handover, ACrashBeginsWhenThePrimaryWasLastSeen) {
  Story story(replica());
  story.after(3s).now.seen.postgres.sql->replication_state.clear();
  story.show();
  story.after(20s).key("");
  story.after(1s).key("n1");
  story.now.seen.postgres.sql->in_recovery = false;
  story.after(1s).show();
  const auto& handover = *story.journal.handover();
  EXPECT_EQ(handover.kind, "automatic");
  EXPECT_EQ(handover.state, Handover::State::done);
  EXPECT_EQ(handover.outage(), 25s);
  EXPECT_EQ(
      texts(story.journal, "leader"),
      (std::vector<std::string>{"n0 holds the leader key", "nobody holds the leader key", "n1 holds the leader key"}));
}

TEST(TamadaRoutes, Events) {
  Node node(replica());
  node.publish([](Snapshot&) {});
  const auto all = Json::parse(node.ask("GET", "/tamada/events").substr(4));
  ASSERT_FALSE(all["events"].empty());
  const auto last = all["last"].get<int>();
  node.start("GET", "/tamada/events?wait=10&since=" + std::to_string(last));
  EXPECT_EQ(node.said(), "waiting");
  node.publish([](Snapshot& s) { s.seen.cluster.leader.reset(); });
  const auto news = Json::parse(node.said().substr(4));
  ASSERT_EQ(news["events"].size(), 1u);
  EXPECT_EQ(news["events"][0]["type"], "leader");
  EXPECT_EQ(news["events"][0]["from"], "n0");
  EXPECT_EQ(news["events"][0]["to"], nullptr);
}

TEST(TamadaRoutes, EventsWaitEnds) {
  Node node(replica());
  node.start("GET", "/tamada/events?wait=1&since=" +
                        std::to_string(Json::parse(node.ask("GET", "/tamada/events").substr(4))["last"].get<int>()));
  node.pass(1s);
  EXPECT_EQ(Json::parse(node.said().substr(4))["events"], Json::array());
}

TEST(TamadaRoutes, Explain) {
  Node node(replica());
  const auto said = Json::parse(node.ask("GET", "/tamada/explain").substr(4));
  EXPECT_EQ(said["may_be_promoted"], false);
  EXPECT_EQ(said["replication_state"], "streaming");
  bool found = false;
  for (const auto& gate : said["gates"]) {
    if (gate["gate"] != "leader_key") continue;
    found = true;
    EXPECT_EQ(gate["reason"], "n0 holds the leader key");
  }
  EXPECT_TRUE(found) << said;
  EXPECT_TRUE(node.ask("GET", "/tamada/handover").starts_with("200 null"));
  EXPECT_TRUE(node.ask("GET", "/tamada/nonsense").starts_with("404 "));
}

}  // namespace
}  // namespace tamada::api
