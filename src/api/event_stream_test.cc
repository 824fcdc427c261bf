#include "api/event_stream.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/test_fakes.h"

namespace tamada::api {
namespace {

using namespace test;
using Json = nlohmann::ordered_json;

constexpr auto stream_path = "/tamada/events/stream";
constexpr auto this_run = "1795386400000";  // when the daemon of these tests was started

// One client of the stream, which asks for a piece only when a test says so.
struct Client {
  Client(Node& node, std::string last_event_id = {}) : node_(node) {
    if (!last_event_id.empty()) node.headers = {{"Last-Event-ID", std::move(last_event_id)}};
    node.start("GET", stream_path);
    node.headers.clear();
    beginning = node.answer->body;
    feed = std::move(node.answer->feed);
  }
  // Begins to wait for the next piece, or goes on with it. "waiting" until it has come, "the end" after the last one.
  std::string next() {
    if (!asked_) {
      asked_ = true;
      asio::co_spawn(node_.io, feed->next(), [this](std::exception_ptr, std::shared_ptr<const std::string> piece) {
        piece_ = piece ? piece : std::make_shared<const std::string>("the end");
      });
    }
    node_.run();
    if (!piece_) return "waiting";
    asked_ = false;
    last = std::exchange(piece_, nullptr);
    return *last;
  }

  std::string beginning;
  std::shared_ptr<net::Feed> feed;
  std::shared_ptr<const std::string> last;

 private:
  Node& node_;
  bool asked_ = false;
  std::shared_ptr<const std::string> piece_;
};

std::uint64_t last_id(const Node& node) { return node.api->journal().last_id(); }

std::string id_line(std::uint64_t id) { return "id: " + std::string(this_run) + "-" + std::to_string(id) + "\n"; }

Json cluster_of(const std::string& text) {
  const std::string head = "event: cluster\ndata: ";
  const auto at = text.find(head);
  if (at == text.npos) return {};
  const auto from = at + head.size();
  return Json::parse(text.substr(from, text.find("\n\n", from) - from));
}

void moves(Snapshot& s) {
  s.role = "replica";
  s.seen.cluster.leader = core::Leader{"n1", 9, 9, core::LeaseId("101")};
}

TEST(EventStream, BeginsWithNothingButTheNumberOfTheLastEvent) {
  Node node(leader());
  node.start("GET", stream_path);
  ASSERT_EQ(node.answer->status, 200);
  EXPECT_EQ(*node.answer->header("Content-Type"), "text/event-stream");
  EXPECT_EQ(*node.answer->header("Cache-Control"), "no-store");
  EXPECT_EQ(node.answer->body, "retry: 2000\n\n" + id_line(last_id(node)) + "\n");
}

TEST(EventStream, TellsEventsAndTheClusterWhenTheyChange) {
  Node node(leader());
  Client client(node);
  node.publish([](Snapshot&) {});
  client.next();  // the cluster as it is
  EXPECT_EQ(client.next(), "waiting");
  const auto before = last_id(node);
  node.publish(moves);
  const auto text = client.next();
  EXPECT_TRUE(text.starts_with(id_line(before + 1) + "event: journal\ndata: {\"id\": ")) << text;
  EXPECT_TRUE(text.contains(id_line(last_id(node)))) << text;
  EXPECT_TRUE(text.contains("\"text\": \"n1 holds the leader key\"")) << text;
  EXPECT_TRUE(text.ends_with("\n\n"));
  const auto told = cluster_of(text);
  EXPECT_EQ(told["member"], "n0");
  EXPECT_EQ(told["role"], "replica");
  EXPECT_EQ(told["leader"], "n1");
  EXPECT_EQ(told["cluster"], Json::parse(node.ask("GET", "/cluster").substr(4)));
}

TEST(EventStream, PositionsAloneAreNoNews) {
  Node node(leader());
  Client client(node);
  node.publish([](Snapshot&) {});
  client.next();
  const auto progress = [](Snapshot& s) {
    s.seen.cluster.status->optime = 67200000;
    s.seen.cluster.members.at("n1").receive_lsn = 67150000;
    s.seen.cluster.members.at("n2").copy = core::CopyProgress{.what = "pg_basebackup", .bytes_done = 5};
  };
  node.publish(progress);
  EXPECT_EQ(client.next(), "waiting");
  node.publish([](Snapshot& s) { s.seen.cluster.members.at("n2").state = "stopped"; });
  const auto cluster = cluster_of(client.next())["cluster"];
  EXPECT_EQ(cluster["members"][2]["state"], "stopped");
  EXPECT_EQ(cluster["members"][1]["receive_lag"], 50000) << "what is told contains the positions all the same";
}

TEST(EventStream, ATextIsMadeOnceForAllClients) {
  Node node(leader());
  Client one(node), other(node);
  node.publish(moves);
  one.next();
  other.next();
  EXPECT_NE(one.last, nullptr);
  EXPECT_EQ(one.last, other.last);
}

TEST(EventStream, ContinuesAfterTheLastEventThatTheClientHas) {
  Node node(leader());
  const auto before = last_id(node);
  node.publish(moves);
  const Client client(node, std::string(this_run) + "-" + std::to_string(before));
  const auto& text = client.beginning;
  EXPECT_FALSE(text.contains(id_line(before)));
  for (auto id = before + 1; id <= last_id(node); ++id)
    EXPECT_TRUE(text.contains(id_line(id) + "event: journal\n")) << id;
  EXPECT_EQ(cluster_of(text)["leader"], "n1");
}

TEST(EventStream, AnEventOfAnotherRunOrAForeignNumberMeansThatAllIsNews) {
  Node node(leader());
  node.publish(moves);
  for (const std::string id : {"1700000000000-1", "7", "nonsense", "-", "1795386400000-99999999", "1795386400000-x"}) {
    const Client client(node, id);
    EXPECT_TRUE(client.beginning.contains(id_line(1) + "event: journal\n")) << id;
  }
}

TEST(EventStream, WhatIsRepeatedIsBounded) {
  Node node(replica());
  for (int i = 0; i < 1000; ++i) node.publish([&](Snapshot& s) { s.seen.settings.pause = i % 2 == 0; });
  const Client client(node, "other-1");
  EXPECT_FALSE(client.beginning.contains(id_line(last_id(node) - 500) + "event"));
  EXPECT_TRUE(client.beginning.contains(id_line(last_id(node) - 499) + "event"));
}

TEST(EventStream, SendsACommentWhenNothingHappens) {
  Node node(leader());
  Client client(node);
  EXPECT_EQ(client.next(), "waiting");
  node.pass(14s);
  EXPECT_EQ(client.next(), "waiting");
  node.pass(1s);
  EXPECT_EQ(client.next(), ":\n\n");
  node.publish(moves);
  EXPECT_TRUE(client.next().contains("n1 holds the leader key"));
}

TEST(EventStream, TooManyClientsAreRefused) {
  Node node(leader());
  std::vector<std::shared_ptr<net::Feed>> feeds;
  for (std::size_t i = 0; i < EventStream::clients_max; ++i) {
    ASSERT_TRUE(node.ask("GET", stream_path).starts_with("200 "));
    feeds.push_back(node.answer->feed);
  }
  ASSERT_TRUE(node.ask("GET", stream_path).starts_with("503 "));
  EXPECT_EQ(node.answer->feed, nullptr);
  EXPECT_EQ(*node.answer->header("Retry-After"), "10");
  feeds.pop_back();
  EXPECT_TRUE(node.ask("GET", stream_path).starts_with("200 "));
}

TEST(EventStream, AClientThatDoesNotReadIsGivenUp) {
  Node node(replica());
  Client reads(node), sleeps(node);
  std::size_t kept = 0;
  for (int i = 0; i < 1000; ++i) {
    node.publish([&](Snapshot& s) { s.seen.settings.pause = i % 2 == 0; });
    const auto text = reads.next();
    ASSERT_TRUE(text.contains("event: journal")) << text;
    kept += text.size();
  }
  ASSERT_GT(kept, EventStream::unread_bytes_max);
  EXPECT_EQ(sleeps.next(), "the end");
}

TEST(EventStream, AClientThatReadsSlowlyMissesNothing) {
  Node node(replica());
  Client client(node);
  const auto before = last_id(node);
  for (int i = 0; i < 20; ++i) node.publish([&](Snapshot& s) { s.seen.settings.pause = i % 2 == 0; });
  std::string all;
  for (auto text = client.next(); text != "waiting"; text = client.next()) all += text;
  for (auto id = before + 1; id <= last_id(node); ++id) EXPECT_TRUE(all.contains(id_line(id))) << id;
}

TEST(EventStream, NothingIsToldAboutAClusterThatIsNotKnownYet) {
  auto unknown = replica();
  unknown.seen.cluster = {};
  Node node(unknown);
  Client client(node, "other-1");
  EXPECT_EQ(cluster_of(client.beginning), Json());
  node.publish([](Snapshot&) {});
  EXPECT_EQ(cluster_of(client.next()), Json());
}

}  // namespace
}  // namespace tamada::api
