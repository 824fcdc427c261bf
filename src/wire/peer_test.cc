#include "wire/peer.h"

#include <gtest/gtest.h>

namespace tamada::wire {
namespace {

TEST(Peer, PatronisPrimary) {
  const auto peer = parse_peer(
      R"({"state": "running", "postmaster_start_time": "2026-11-22 22:25:03.912866+00:00", "role": "primary", )"
      R"("server_version": 150020, "xlog": {"location": 67109000}, "timeline": 1, "replication": [{"usename": "r"}], )"
      R"("dcs_last_seen": 1795386324, "patroni": {"version": "4.1.4", "scope": "demo", "name": "n0"}})");
  EXPECT_EQ(peer.name, "n0");
  EXPECT_TRUE(peer.running);
  EXPECT_FALSE(peer.in_recovery);
  EXPECT_EQ(peer.lsn, 67109000u);
  EXPECT_EQ(peer.timeline, 1u);
  EXPECT_FALSE(peer.reachable);  // only the caller knows whether the peer answered
  EXPECT_FALSE(peer.cluster_unlocked);
}

TEST(Peer, PatronisReplica) {
  const auto peer =
      parse_peer(R"({"state": "running", "role": "replica", "xlog": {"received_location": 67109000, )"
                 R"("replayed_location": 67109001, "replayed_timestamp": null, "paused": false}, "timeline": 3, )"
                 R"("cluster_unlocked": true, "tags": {"failover_priority": 2}, "replication_state": "streaming"})");
  EXPECT_TRUE(peer.in_recovery);
  EXPECT_EQ(peer.lsn, 67109001u);
  EXPECT_EQ(peer.timeline, 3u);
  EXPECT_EQ(peer.failover_priority, 2);
  EXPECT_FALSE(peer.nofailover);
  EXPECT_TRUE(peer.cluster_unlocked);
}

TEST(Peer, TellsHowItsTimelineBegan) {
  const auto peer = parse_peer(R"({"timeline":3,"timeline_identity":"0/5000060-3a00"})");
  EXPECT_EQ(peer.start, (core::TimelineStart{.timeline = 3, .lsn = 0x5000060, .record = "3a00"}));
  EXPECT_FALSE(parse_peer(R"({"timeline":3})").start);  // Patroni does not send it
  EXPECT_FALSE(parse_peer(R"({"timeline":3,"timeline_identity":[]})").start);
}

TEST(Peer, TellsWhenItLastHeardFromTheDcs) {
  const core::WallTime answered_at(std::chrono::seconds(1000));
  const auto ago = [&](const char* body, auto... date) { return parse_peer(body, date...).dcs_last_seen_ago; };
  using std::chrono::seconds;
  EXPECT_EQ(ago(R"({"dcs_last_seen":2000,"dcs_last_seen_ago":31})", answered_at), seconds(31));  // its clock is ahead
  EXPECT_EQ(ago(R"({"dcs_last_seen":960})", answered_at), seconds(40));                          // Patroni's
  EXPECT_EQ(ago(R"({"dcs_last_seen":960})"), std::nullopt);
  EXPECT_EQ(ago(R"({"dcs_last_seen":0})", answered_at), std::nullopt);
  EXPECT_EQ(ago("{}", answered_at), std::nullopt);
  EXPECT_GT(ago(R"({"dcs_last_seen_ago":9000000000000000000})"), seconds(60));
}

TEST(Peer, TellsThatItsDiskIsStuck) {
  const auto stuck = [](const char* problems) {
    return parse_peer(std::string(R"({"state":"running","problems":)") + problems + "}").disk_stuck;
  };
  EXPECT_TRUE(
      stuck(R"([{"kind":"clock","text":"x"},{"kind":"disk","text":"a small write beside the data does not end"}])"));
  EXPECT_FALSE(stuck(R"([{"kind":"disk","text":"the file system of pg_wal is nearly full"}])"));
  for (const char* odd : {"[]", "[1]", R"([{"text":[]}])", "7"}) EXPECT_FALSE(stuck(odd)) << odd;
}

TEST(Peer, RolesAndStates) {
  struct Case {
    const char* body;
    bool in_recovery, running, nofailover;
  };
  const Case cases[] = {
      {R"({"state":"running","role":"master","xlog":{"location":0}})", false, true, false},
      {R"({"state":"running","role":"replica","xlog":{"location":5}})", false, true, false},
      {R"({"state":"starting","role":"replica"})", true, false, false},
      {R"({"state":"running","role":"replica","xlog":{"received_location":5},"about_to_lead":true})", false, true,
       false},
      {R"({"state":"streaming","role":"replica","tags":{"nofailover":true}})", true, true, true},
      {R"({"state":"running","role":"replica","tags":{"failover_priority":"0"}})", true, true, true},
      {R"({"state":"running","role":"replica","tags":{"nofailover":false,"failover_priority":0}})", true, true, false},
      {R"({"state":5,"role":[],"xlog":7,"timeline":1e99,"tags":"x","patroni":1})", true, false, false},
      {"", true, false, false},
      {"[1", true, false, false},
  };
  for (const auto& [body, in_recovery, running, nofailover] : cases) {
    const auto peer = parse_peer(body);
    EXPECT_EQ(peer.in_recovery, in_recovery) << body;
    EXPECT_EQ(peer.running, running) << body;
    EXPECT_EQ(peer.nofailover, nofailover) << body;
    EXPECT_EQ(peer.timeline, 0u) << body;
  }
}

TEST(FailsafeLeader, TellsHowLongTheAnswerCounts) {
  const auto ttl_of = [](const char* json) { return parse_failsafe_leader(json).value().ttl; };
  core::FailsafeLeader leader{.name = "a", .conn_url = {}, .api_url = {}, .slots = {}, .ttl = std::chrono::seconds(30)};
  EXPECT_EQ(ttl_of(failsafe_leader_json(leader).c_str()), leader.ttl);
  EXPECT_EQ(ttl_of(R"({"name": "a"})"), core::Duration{}) << "Patroni does not tell";
  EXPECT_EQ(ttl_of(R"({"name": "a", "ttl": -1})"), core::Duration{});
  EXPECT_EQ(ttl_of(R"({"name": "a", "ttl": 99999999999})"), core::Duration{});
}

}  // namespace
}  // namespace tamada::wire
