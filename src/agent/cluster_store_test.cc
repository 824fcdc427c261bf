#include "agent/cluster_store.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <vector>

namespace tamada::agent {
namespace {

using namespace std::chrono_literals;
using core::Duration;

class FixedClock final : public net::Clock {
 public:
  core::Instant now() const override { return core::Instant(1000s); }
  core::WallTime wall() const override { return {}; }
  awaitable<void> sleep_until(core::Instant) override { co_return; }
};

// A DCS in which each request waits until its time limit. With `grants` it still grants leases.
class SilentDcs final : public dcs::Dcs {
 public:
  bool grants = false;
  int next_lease = 7;
  bool lease_is_gone = false;                      // each transaction answers that the lease does not exist
  bool hangs = false;                              // after the first read, requests never end
  std::optional<dcs::Range> held;                  // what reads return
  bool writes = false;                             // transactions succeed
  std::function<void(dcs::WatchBatch)> tell;       // delivers events to the watch
  std::vector<Duration> requests;                  // the time limit of each request
  std::map<std::string, core::Revision> compared;  // the revisions that the last transaction compared

  awaitable<dcs::DcsResult<dcs::Range>> range(std::string, dcs::Revision, Duration timeout) override {
    if (held) co_return *held;
    if (hangs) co_return dcs::Range{.revision = 2};
    co_return none(timeout);
  }
  awaitable<dcs::DcsResult<dcs::TxnResult>> txn(std::vector<dcs::Compare> compares, std::vector<dcs::Operation>,
                                                Duration timeout) override {
    compared.clear();
    for (const auto& one : compares) {
      if (one.what == dcs::Compare::What::mod_revision) compared[one.key] = one.revision;
    }
    if (writes) co_return dcs::TxnResult{.succeeded = true, .revision = 9};
    if (lease_is_gone) co_return std::unexpected(dcs::DcsError{dcs::ErrorKind::lease_gone, "lease not found"});
    co_return none(timeout);
  }
  awaitable<dcs::DcsResult<dcs::LeaseGrant>> lease_grant(Duration ttl, Duration timeout) override {
    if (grants) co_return dcs::LeaseGrant{.id = core::LeaseId(std::to_string(next_lease)), .ttl = ttl};
    co_return none(timeout);
  }
  awaitable<dcs::DcsResult<Duration>> lease_keepalive(dcs::LeaseId, Duration timeout) override {
    if (hangs) co_await for_ever();
    co_return none(timeout);
  }
  awaitable<dcs::DcsResult<void>> lease_revoke(dcs::LeaseId, Duration timeout) override { co_return none(timeout); }
  awaitable<dcs::DcsError> watch(std::string, dcs::Revision, std::function<void(dcs::WatchBatch)> on_batch) override {
    tell = std::move(on_batch);
    if (hangs) co_await for_ever();
    co_return none(0s).error();
  }

 private:
  static awaitable<void> for_ever() {
    net::Event never(co_await asio::this_coro::executor);
    co_await never.wait();
  }
  std::unexpected<dcs::DcsError> none(Duration timeout) {
    requests.push_back(timeout);
    return std::unexpected(dcs::DcsError{dcs::ErrorKind::unreachable, "no answer in time"});
  }
};

class ClusterStoreTest : public testing::Test {
 protected:
  ClusterStoreTest() : store_(io_.get_executor(), dcs_, clock_, "/service/demo/", "n0") { store_.limits(30s, 10s); }

  // The writes that a leader's decision consists of.
  awaitable<void> heartbeat() {
    co_await store_.renew_lease();
    co_await store_.publish_member({.name = "n0"});
    co_await store_.write_status({});
  }
  std::vector<Duration> requests_of_a_round(std::optional<core::Instant> until) {
    dcs_.requests.clear();
    store_.begin_round(until);
    asio::co_spawn(io_, heartbeat(), asio::detached);
    io_.restart();
    io_.run();
    return dcs_.requests;
  }

  asio::io_context io_;
  SilentDcs dcs_;
  FixedClock clock_;
  ClusterStore store_;
};

TEST_F(ClusterStoreTest, ADecisionWaitsForNoMoreThanOneRequestToASilentDcs) {
  EXPECT_EQ(requests_of_a_round({}), std::vector<Duration>{5s});
  EXPECT_EQ(requests_of_a_round({}), std::vector<Duration>{5s});  // the next decision tries again
}

// Found by simulation (seed 3664976): while this node slept, a leader had come, had changed who may be promoted, and
// had gone.
TEST_F(ClusterStoreTest, TheLeaderKeyIsTakenOnlyIfNoLeaderHasComeAndGone) {
  const auto compared = [this](core::AcquireLeader acquire) {
    store_.begin_round({});
    asio::co_spawn(io_, store_.acquire_leader(acquire), asio::detached);
    io_.restart();
    io_.run();
    return dcs_.compared;
  };
  using Revisions = std::map<std::string, core::Revision>;
  EXPECT_EQ(compared({.marks = core::LeaderMarks{.sync = 7, .status = 9}}),
            (Revisions{{"/service/demo/leader", 0}, {"/service/demo/sync", 7}, {"/service/demo/status", 9}}));
  EXPECT_EQ(compared({.expected = 5}), (Revisions{{"/service/demo/leader", 5}}));
}

// Found by simulation (seed 60009129): all keys were deleted while the leader wrote, and then only its `initialize`
// existed.
TEST_F(ClusterStoreTest, InitializeIsMadeOnlyByTheLeader) {
  store_.begin_round({});
  asio::co_spawn(io_, store_.write_initialize("7000000000000000001"), asio::detached);
  io_.run();
  EXPECT_EQ(dcs_.compared,
            (std::map<std::string, core::Revision>{{"/service/demo/initialize", 0}, {"/service/demo/leader", -1}}));
}

// Found by simulation (seed 90005717): a leader that was asked to stop was cut off for a moment, and its key
// disappeared without its last position.
TEST_F(ClusterStoreTest, TheLeaseIsNotRevokedIfTheLeaderKeyCouldNotBeReleased) {
  dcs_.grants = true;
  const auto leave = [this]() -> awaitable<void> {
    co_await store_.ensure_lease();
    co_await store_.release_leader(core::Lsn{1000});
    co_await store_.revoke_lease();
  };
  store_.begin_round({});
  asio::co_spawn(io_, leave(), asio::detached);
  io_.run();
  EXPECT_EQ(dcs_.requests.size(), 1U);
}

// Found by simulation: somebody revoked the leader's lease, and for a whole loop_wait the leader tried to take the key
// with that lease.
TEST_F(ClusterStoreTest, ALeaseThatIsGoneIsReplacedWhenAWriteTellsSo) {
  dcs_.grants = true;
  dcs_.lease_is_gone = true;
  const auto take = [this]() -> awaitable<void> {
    co_await store_.ensure_lease();
    dcs_.next_lease = 8;
    co_await store_.acquire_leader({});
  };
  store_.begin_round({});
  asio::co_spawn(io_, take(), asio::detached);
  io_.run();
  EXPECT_EQ(store_.lease().id, core::LeaseId("8"));
  EXPECT_TRUE(store_.dcs().ok);
}

// Found by simulation (two nodes, seed 114087164): the end of a pause was read while a request of the previous decision
// hung, and the primary went on until that request timed out.
TEST_F(ClusterStoreTest, ARequestThatHangsIsGivenUpWhenTheConfigurationChanges) {
  dcs_.hangs = true;
  bool renewed = false;
  const auto renew = [&]() -> awaitable<void> {
    co_await store_.renew_lease();
    renewed = true;
  };
  asio::co_spawn(io_, store_.follow([] {}), asio::detached);
  io_.poll();
  store_.begin_round({});
  asio::co_spawn(io_, renew(), asio::detached);
  io_.restart();
  io_.poll();
  EXPECT_FALSE(renewed);
  dcs_.tell({.events = {{.kv = {.key = "/service/demo/status", .value = "{}", .mod_revision = 3}}}, .revision = 3});
  io_.restart();
  io_.poll();
  EXPECT_FALSE(renewed) << "a change of another key does not end the request";
  dcs_.tell({.events = {{.kv = {.key = "/service/demo/config", .value = "{}", .mod_revision = 4}}}, .revision = 4});
  io_.restart();
  io_.poll();
  EXPECT_TRUE(renewed);
  EXPECT_FALSE(store_.dcs().ok);
}

TEST_F(ClusterStoreTest, ARequestEndsWhenTheNextDecisionIsDue) {
  EXPECT_EQ(requests_of_a_round(clock_.now() + 2s), std::vector<Duration>{2s});
  EXPECT_EQ(requests_of_a_round(clock_.now() + 60s), std::vector<Duration>{5s});
  EXPECT_EQ(requests_of_a_round(clock_.now() - 1s),
            std::vector<Duration>{500ms});  // an answer may always take this long
}

// etcd answers again, and the last decision has not noticed it yet.
TEST_F(ClusterStoreTest, ARequestOfAClientIsSentAfterADecisionsRequestHasFailed) {
  requests_of_a_round({});
  EXPECT_FALSE(store_.dcs().ok);
  dcs_.held = dcs::Range{
      .keys = {{.key = "/service/demo/config", .value = "{}", .mod_revision = 5}}, .count = 1, .revision = 6};
  dcs_.writes = true;
  core::Result<core::ClusterView> keys;
  core::Result<bool> written = false;
  const auto patch = [&]() -> awaitable<void> {
    keys = co_await store_.read_keys();
    written = co_await store_.change("config", "{\"pause\":true}", 5);
  };
  asio::co_spawn(io_, patch(), asio::detached);
  io_.restart();
  io_.run();
  ASSERT_TRUE(keys) << keys.error().what;
  EXPECT_EQ(keys->config_json, "{}");
  EXPECT_EQ(keys->config_revision, 5);
  EXPECT_EQ(keys->revision, 6);
  EXPECT_EQ(written, true);
  EXPECT_EQ(dcs_.compared, (std::map<std::string, core::Revision>{{"/service/demo/config", 5}}));
  EXPECT_EQ(store_.view().config_json, "{\"pause\":true}");
  EXPECT_EQ(store_.view().config_revision, 9);
}

// The reads of several clients may be older than what the watch has told meanwhile.
TEST_F(ClusterStoreTest, ReadsOfClientsDoNotBringADeletedKeyBack) {
  dcs_.hangs = true;
  asio::co_spawn(io_, store_.follow([] {}), asio::detached);
  io_.poll();
  const dcs::KeyValue leader{.key = "/service/demo/leader", .value = "n0", .create_revision = 5, .mod_revision = 5};
  dcs_.tell({.events = {{.deleted = false, .kv = leader}}, .revision = 5});
  ASSERT_TRUE(store_.view().leader);
  dcs_.tell({.events = {{.deleted = true, .kv = {.key = leader.key, .mod_revision = 8}}}, .revision = 8});
  ASSERT_FALSE(store_.view().leader);
  dcs_.held = dcs::Range{.keys = {leader}, .count = 1, .revision = 7};
  for (int client = 0; client < 5; ++client) {
    asio::co_spawn(
        io_, [&]() -> awaitable<void> { EXPECT_TRUE((co_await store_.read_keys())->leader); }, asio::detached);
  }
  io_.restart();
  io_.poll();
  EXPECT_FALSE(store_.view().leader);
}

// Otherwise an operator's request could begin the end of a primary.
TEST_F(ClusterStoreTest, ARequestOfAClientThatFailsSaysNothingToTheDecisions) {
  dcs_.held = dcs::Range{.revision = 6};
  dcs_.hangs = true;
  asio::co_spawn(io_, store_.follow([] {}), asio::detached);
  io_.poll();
  ASSERT_TRUE(store_.dcs().ok);
  dcs_.held.reset();
  dcs_.hangs = false;
  const auto ask = [&]() -> awaitable<void> {
    EXPECT_EQ((co_await store_.read_keys()).error().what, "no answer in time");
    EXPECT_EQ((co_await store_.change("config", std::nullopt, 5)).error().what, "no answer in time");
  };
  asio::co_spawn(io_, ask(), asio::detached);
  io_.restart();
  io_.poll();
  EXPECT_TRUE(store_.dcs().ok);
}

}  // namespace
}  // namespace tamada::agent
