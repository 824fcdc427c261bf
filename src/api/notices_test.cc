#include "api/notices.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/test_fakes.h"

namespace tamada::api {
namespace {

using namespace test;
using Json = nlohmann::ordered_json;

// A node whose publications are given to Notices one after the other, a second apart.
struct Watched {
  explicit Watched(Snapshot first) : now(std::move(first)) { next(); }

  // Makes one more publication, and returns the texts of its notices.
  std::vector<std::string> next(core::Duration later = 1s) {
    now.seen.now += later;
    now.seen.wall += std::chrono::duration_cast<std::chrono::microseconds>(later);
    if (now.seen.lease.id) now.seen.lease.deadline = now.seen.now + 25s;
    journal.look(now);
    std::vector<std::string> texts;
    last.clear();
    for (const auto& notice : notices.look(now, journal, 60s)) {
      last.push_back(Json::parse(notice.json));
      EXPECT_EQ(last.back()["event"], notice.event);
      texts.push_back(last.back()["text"]);
    }
    return texts;
  }
  std::vector<std::string> with(core::Problems problems, core::Duration later = 1s) {
    now.decision.problems = std::move(problems);
    return next(later);
  }
  void key(const std::string& holder) {
    now.seen.cluster.leader.reset();
    if (!holder.empty()) now.seen.cluster.leader = core::Leader{holder, 95, 95, core::LeaseId("101")};
  }
  void becomes(const std::string& role) {
    now.role = role;
    now.seen.cluster.members["n1"].role = role;
    if (now.seen.postgres.sql) now.seen.postgres.sql->in_recovery = role != "primary";
  }

  Snapshot now;
  Journal journal;
  Notices notices{"run"};
  std::vector<Json> last;
};

using Texts = std::vector<std::string>;

TEST(Notices, AFailoverIsToldByTheNewLeaderWithItsCause) {
  Watched n1(replica());
  EXPECT_EQ(n1.next(), Texts{});
  n1.key("");
  n1.now.seen.cluster.members.erase("n0");
  EXPECT_EQ(n1.next(), Texts{});
  n1.key("n1");
  EXPECT_EQ(n1.next(), Texts{});
  n1.becomes("primary");
  const auto told = n1.next();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0], "n1 of demo is primary; it was replica");
  EXPECT_EQ(told[1],
            "demo: n1 has taken over from n0 (failover, 2.0 s without a primary): n0 no longer renews its lease: "
            "its daemon, its host or its network has failed");
  const auto& handover = n1.last[1];
  EXPECT_EQ(handover["event"], "handover");
  EXPECT_EQ(handover["severity"], "warning");
  EXPECT_EQ(handover["kind"], "automatic");
  EXPECT_EQ(handover["outcome"], "done");
  EXPECT_EQ(handover["from"], "n0");
  EXPECT_EQ(handover["to"], "n1");
  EXPECT_EQ(handover["told_by"], "n1");
  EXPECT_EQ(handover["scope"], "demo");
  EXPECT_EQ(handover["id"], "n1-run-2");
  EXPECT_EQ(n1.next(), Texts{});
  // The new leader reports that the former leader is back.
  n1.now.seen.cluster.members["n0"] = member("n0", 0, "replica");
  EXPECT_EQ(n1.next(), Texts{"n0 is a member of demo"});
}

// Its leader is no primary.
TEST(Notices, AFailoverInAStandbyClusterIsTold) {
  Watched f1(replica());
  f1.now.seen.cluster.members["n0"].role = "standby_leader";
  f1.next();
  f1.key("");
  f1.now.seen.cluster.members.erase("n0");
  f1.next();
  f1.key("n1");
  f1.next();
  f1.becomes("standby_leader");
  const auto told = f1.next();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0], "n1 of demo is standby_leader; it was replica");
  EXPECT_TRUE(told[1].starts_with("demo: n1 has taken over from n0 (failover, 2.0 s without a leader): n0 no longer"))
      << told[1];
  EXPECT_EQ(f1.last[1]["outcome"], "done");
  EXPECT_EQ(f1.last[1]["severity"], "warning");
}

// The former leader tells, too, how long there was none: only since it has lost the key.
TEST(Notices, ASwitchoverInAStandbyClusterAndBack) {
  Watched f1(replica());
  f1.key("n1");
  f1.becomes("standby_leader");
  f1.next(100s);
  f1.key("");
  f1.next();
  f1.key("n1");
  const auto told = f1.next();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_TRUE(told[0].starts_with("demo: n1 is the leader again (failover, 1.0 s without a leader)")) << told[0];
}

TEST(Notices, OthersSayNothingOfAFailover) {
  Watched n2(replica("n2"));
  n2.key("");
  n2.now.seen.cluster.members.erase("n0");
  EXPECT_EQ(n2.next(), Texts{});
  n2.key("n1");
  n2.now.seen.cluster.members["n1"].role = "primary";
  EXPECT_EQ(n2.next(), Texts{});
  EXPECT_EQ(n2.next(), Texts{});
}

TEST(Notices, TheCauseIsTheStateOfTheOldLeader) {
  Watched n1(replica());
  auto& old = n1.now.seen.cluster.members["n0"];
  old.state = "start failed";
  old.trouble = "start failed 3 times: no space left";
  n1.key("");
  n1.next();
  n1.key("n1");
  n1.becomes("primary");
  n1.next();
  ASSERT_FALSE(n1.last.empty());
  EXPECT_EQ(n1.last.back()["cause"],
            "n0 gave up the leader key: its PostgreSQL is start failed; start failed 3 times: no space left");
  // The old leader's daemon was stopped: its member key told that PostgreSQL was stopping, and then both keys were
  // deleted.
  Watched other(replica());
  other.now.seen.cluster.members["n0"].state = "stopping";
  other.next();
  other.now.seen.cluster.members.erase("n0");
  other.key("");
  other.next();
  other.key("n1");
  other.becomes("primary");
  other.next();
  ASSERT_FALSE(other.last.empty());
  EXPECT_EQ(other.last.back()["cause"], "n0 gave up the leader key: its PostgreSQL is stopping");
}

TEST(Notices, TheFirstLookIsNoNews) {
  auto before = replica();
  before.role = "uninitialized";
  before.seen.cluster.loaded = false;
  Watched n1(before);
  n1.now.seen.cluster.loaded = true;
  EXPECT_EQ(n1.next(), Texts{});
  n1.becomes("replica");
  EXPECT_EQ(n1.next(), Texts{});
  Watched n0(leader());
  EXPECT_EQ(n0.next(), Texts{});
}

TEST(Notices, AProblemIsToldWhenItBeginsAndWhenItEnds) {
  Watched n1(replica());
  const core::Problem slot4{core::ProblemKind::slots, "slot feed holds more than 4 GB of WAL, and so on"};
  const core::Problem slot8{core::ProblemKind::slots, "slot feed holds more than 8 GB of WAL, and so on"};
  const core::Problem rewind1{core::ProblemKind::rewind, "pg_rewind failed once: no route"};
  const core::Problem rewind2{core::ProblemKind::rewind, "pg_rewind failed 2 times: refused"};
  const core::Problem open{core::ProblemKind::security, "anybody may change the cluster"};
  EXPECT_EQ(n1.with({slot4, open}), Texts{"n1 of demo: slot feed holds more than 4 GB of WAL, and so on"});
  EXPECT_EQ(n1.last[0]["event"], "problem");
  EXPECT_EQ(n1.last[0]["kind"], "slots");
  EXPECT_EQ(n1.last[0]["member"], "n1");
  EXPECT_EQ(n1.last[0]["state"], "began");
  EXPECT_EQ(n1.with({slot8, open}, 100s), Texts{});
  EXPECT_EQ(n1.with({slot8, rewind1}), Texts{"n1 of demo: pg_rewind failed once: no route"});
  EXPECT_EQ(n1.with({slot8, rewind2}, 100s), Texts{});
  EXPECT_EQ(n1.with({rewind2}), Texts{"over: n1 of demo: slot feed holds more than 4 GB of WAL, and so on"});
  EXPECT_EQ(n1.last[0]["state"], "over");
  EXPECT_EQ(n1.with({}), Texts{"over: n1 of demo: pg_rewind failed once: no route"});
  EXPECT_EQ(n1.with({}, 100s), Texts{});
}

TEST(Notices, WhatComesAndGoesIsToldOnceInAMinute) {
  Watched n1(replica());
  const core::Problem disk{core::ProblemKind::disk, "a small write takes more than 1 s"};
  std::size_t told = 0;
  for (int second = 0; second < 600; ++second)
    told += n1.with(second % 2 ? core::Problems{} : core::Problems{disk}).size();
  EXPECT_GE(told, 9u);
  EXPECT_LE(told, 11u);
  n1.with({disk}, 100s);
  EXPECT_EQ(n1.with({}, 1s), Texts{}) << "its end waits for the minute";
  EXPECT_EQ(n1.with({}, 60s), Texts{"over: n1 of demo: a small write takes more than 1 s"});
}

TEST(Notices, TheLeaderTellsOfItsLease) {
  const core::Problem silent{core::ProblemKind::dcs, "etcd does not answer: timed out"};
  Watched n0(leader());
  EXPECT_EQ(n0.with({silent}),
            Texts{"n0 of demo: etcd does not answer: timed out; the lease of this primary ends in 25 s"});
  EXPECT_EQ(n0.last[0]["event"], "lease");
  EXPECT_EQ(n0.last[0]["severity"], "critical");
  n0.now.role = "demoted";
  n0.with({silent});
  EXPECT_EQ(n0.last[0]["text"], "n0 of demo is demoted; it was primary");
  EXPECT_EQ(n0.with({}, 100s), Texts{"over: n0 of demo: etcd does not answer: timed out"});
  Watched n1(replica());
  EXPECT_EQ(n1.with({silent}), Texts{"n1 of demo: etcd does not answer: timed out"});
  EXPECT_EQ(n1.last[0]["event"], "problem");
}

TEST(Notices, TheLeaderAloneTellsOfLostMembers) {
  Watched n0(leader()), n2(replica("n2"));
  for (auto* node : {&n0, &n2}) node->now.seen.cluster.members.erase("n1");
  EXPECT_EQ(n0.next(), Texts{"n1 of demo is gone: its key in etcd has ended"});
  EXPECT_EQ(n0.last[0]["member"], "n1");
  EXPECT_EQ(n0.last[0]["told_by"], "n0");
  EXPECT_EQ(n0.last[0]["state"], "began");
  EXPECT_EQ(n2.next(), Texts{});
  EXPECT_EQ(n0.next(100s), Texts{});
  for (auto* node : {&n0, &n2}) node->now.seen.cluster.members["n1"] = member("n1", 1, "replica");
  EXPECT_EQ(n0.next(), Texts{"n1 of demo is back"});
  EXPECT_EQ(n2.next(), Texts{});
  n0.now.seen.cluster.members["n7"] = member("n7", 7, "replica");
  EXPECT_EQ(n0.next(), Texts{"n7 is a member of demo"});
}

TEST(Notices, ASwitchoverIsNoWarning) {
  Watched n1(replica());
  n1.now.seen.cluster.failover = core::FailoverRequest{"n0", "n1", std::nullopt, 90};
  n1.next();
  n1.now.seen.cluster.failover.reset();
  n1.key("n1");
  n1.becomes("primary");
  n1.next();
  ASSERT_EQ(n1.last.size(), 2u);
  EXPECT_EQ(n1.last[1]["severity"], "info");
  EXPECT_FALSE(n1.last[1].contains("cause"));
  EXPECT_TRUE(n1.last[1]["text"].get<std::string>().starts_with("demo: n1 has taken over from n0 (switchover, "));
}

}  // namespace
}  // namespace tamada::api
