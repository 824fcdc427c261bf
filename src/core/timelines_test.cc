#include "core/timelines.h"

#include <gtest/gtest.h>

#include "core/candidate.h"
#include "core/testing/scene.h"

namespace tamada::core::testing {
namespace {

using Kind = Standing::Kind;

TimelineStart begun(Timeline timeline, Lsn lsn, std::string record = "") {
  return {.timeline = timeline, .lsn = lsn, .record = std::move(record)};
}

TEST(Timelines, StartsAsText) {
  EXPECT_EQ(format_start(begun(2, 0x5000060, "3a00")), "0/5000060-3a00");
  EXPECT_EQ(format_start(begun(2, 0x5000060)), "0/5000060");
  EXPECT_EQ(parse_start(2, "0/5000060-3a00"), begun(2, 0x5000060, "3a00"));
  EXPECT_EQ(parse_start(2, "0/5000060"), begun(2, 0x5000060));
  EXPECT_EQ(parse_start(1, ""), begun(1, 0));
  for (const char* bad : {"", "-", "x-3a00", "5000060"}) EXPECT_FALSE(parse_start(2, bad)) << bad;
  EXPECT_FALSE(parse_start(0, "0/5000060-3a00"));
}

TEST(Timelines, TheSameOne) {
  EXPECT_EQ(same_timeline(begun(1, 0), begun(1, 0)), std::optional(true));
  EXPECT_EQ(same_timeline(begun(1, 0), begun(2, 0)), std::optional(false));
  EXPECT_EQ(same_timeline(begun(2, 900), begun(2, 901)), std::optional(false));
  EXPECT_EQ(same_timeline(begun(2, 900), begun(2, 900)), std::nullopt);
  EXPECT_EQ(same_timeline(begun(2, 900, "a"), begun(2, 900)), std::nullopt);
  EXPECT_EQ(same_timeline(begun(2, 900, "a"), begun(2, 900, "a")), std::optional(true));
  EXPECT_EQ(same_timeline(begun(2, 900, "a"), begun(2, 900, "b")), std::optional(false));
}

TEST(Timelines, HowAnotherServerStandsToUs) {
  // The history: timeline 1 up to 500, timeline 2 up to 900, then timeline 4.
  const Timelines ours{begun(2, 500, "a"), begun(4, 900, "b")};
  const WalEnd end{.timeline = 4, .lsn = 1000};
  struct Case {
    const char* what;
    WalEnd theirs;
    Kind kind;
    bool proven;
  };
  const Case cases[] = {
      {"behind us", {4, 950, begun(4, 900, "b")}, Kind::contained, true},
      {"where we are", {4, 1000, begun(4, 900, "b")}, Kind::contained, true},
      {"ahead", {4, 1001, begun(4, 900, "b")}, Kind::ahead, true},
      {"a fork of its number that left at another position", {4, 950, begun(4, 901)}, Kind::parted, true},
      {"a fork of its number that left at the same one", {4, 950, begun(4, 900, "c")}, Kind::parted, true},
      {"perhaps a fork of its number", {4, 950, begun(4, 900)}, Kind::contained, false},
      {"perhaps a fork of its number that is ahead", {4, 1001, std::nullopt}, Kind::ahead, false},
      {"on the one before", {2, 900, begun(2, 500, "a")}, Kind::contained, true},
      {"beyond the fork", {2, 901, begun(2, 500, "a")}, Kind::parted, true},
      {"on a fork of the number before", {2, 600, begun(2, 500, "d")}, Kind::parted, true},
      {"on one that we never were on", {3, 600, begun(3, 550, "e")}, Kind::parted, true},
      {"on the first", {1, 500, begun(1, 0)}, Kind::contained, true},
      {"on the first, beyond the fork", {1, 501, begun(1, 0)}, Kind::parted, true},
      {"on a newer one", {5, 10, begun(5, 5, "f")}, Kind::newer, false},
      {"does not tell", {0, 1000, std::nullopt}, Kind::contained, false},
      {"does not tell, and is ahead", {0, 1001, std::nullopt}, Kind::ahead, false},
  };
  for (const auto& c : cases) {
    const auto how = standing(ours, end, c.theirs);
    EXPECT_EQ(how.kind, c.kind) << c.what;
    EXPECT_EQ(how.proven || how.kind == Kind::parted, c.proven) << c.what;
  }
  // This node's own history is not known.
  EXPECT_FALSE(standing({}, end, {4, 950, begun(4, 900, "b")}).proven);
  EXPECT_EQ(standing({}, end, {2, 901, begun(2, 500, "a")}).kind, Kind::contained);
}

// In an asynchronous cluster two outages in turn have made two timelines with the number 2.
TEST(Timelines, ATwinIsMeasuredByWhatItHasOfTheLastLeader) {
  struct Case {
    const char* what;
    Lsn optime;
    const char* last_leaders;
    bool takes;
  };
  for (const auto& c : {Case{"the last leader's", 9000, "a", true}, Case{"another of the number", 9000, "b", false},
                        Case{"another, and little is lost", 550, "b", true}}) {
    Scene scene;
    scene.standby(9000, 2).nobody_leads().dead_peer("b").dead_peer("c");
    scene.memory.leadership.unlocked_since = noon - 11s;
    scene.seen.settings.maximum_lag_on_failover = 100;
    scene.seen.postgres.sql->timelines = {begun(2, 500, "a")};
    scene.seen.cluster.status = Status{.optime = c.optime};
    scene.seen.cluster.status->timeline = begun(2, 500, c.last_leaders);
    const auto decision = scene.decide();
    EXPECT_EQ(find<AcquireLeader>(decision) != nullptr, c.takes) << c.what << ": " << decision.reason;
  }
}

TEST(Timelines, TwinsDoNotWaitForEachOther) {
  for (const bool ours_led : {true, false}) {
    Scene scene;
    scene.standby(1000, 2).nobody_leads().dead_peer("b").peer("c", true, ours_led ? 2000 : 900, 2);
    scene.memory.leadership.unlocked_since = noon - 11s;
    scene.seen.postgres.sql->timelines = {begun(2, 500, "a")};
    scene.seen.peers["c"].start = begun(2, 500, "b");
    scene.seen.cluster.status = Status{.optime = 1000};
    scene.seen.cluster.status->timeline = begun(2, 500, ours_led ? "a" : "b");
    const auto decision = scene.decide();
    EXPECT_EQ(find<AcquireLeader>(decision) != nullptr, ours_led) << decision.reason;
  }
}

TEST(Timelines, ACandidateHasTheLeadersHistory) {
  Scene scene;
  scene.we_lead().primary(1000, 2);
  scene.seen.postgres.sql->timelines = {begun(2, 500, "a")};
  auto reference = reference_of(*scene.seen.postgres.sql);
  PeerView peer{.name = "b", .reachable = true, .running = true, .timeline = 2, .lsn = 990};
  peer.start = begun(2, 500, "a");
  EXPECT_EQ(candidate_obstacle(scene.seen.cluster.members["b"], &peer, reference, 100), std::nullopt);
  peer.start = begun(2, 500, "b");
  EXPECT_EQ(candidate_obstacle(scene.seen.cluster.members["b"], &peer, reference, 100),
            "b has another history of timeline 2");
}

}  // namespace
}  // namespace tamada::core::testing
