#include "agent/notifier.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "api/test_snapshot.h"
#include "net/http_server.h"
#include "net/test_support.h"

namespace tamada::agent {
namespace {

using namespace std::chrono_literals;
namespace scene = api::test;
using Json = nlohmann::ordered_json;

// A clock on which no sleep takes time: sleep_until() moves the clock to the wanted time and returns at once.
class HastyClock final : public net::Clock {
 public:
  core::Instant now() const override { return at; }
  core::WallTime wall() const override { return {}; }
  awaitable<void> sleep_until(core::Instant until) override {
    slept.push_back(until - at);
    at = std::max(at, until);
    co_await asio::post(co_await asio::this_coro::executor, use_awaitable);
  }
  core::Instant at = scene::at(scene::noon);
  std::vector<core::Duration> slept;
};

class NotifierTest : public testing::Test {
 protected:
  NotifierTest() {
    board_.on_publish([this](const auto& snapshot) { journal_.look(*snapshot); });
    server_ = std::make_unique<net::HttpServer>(io_.get_executor(), net::HttpServerOptions{.port = "0"}, nullptr,
                                                [this](net::HttpRequest request) -> awaitable<net::HttpResponse> {
                                                  seen_.push_back(request);
                                                  const int status = statuses_.empty() ? 200 : statuses_.front();
                                                  if (!statuses_.empty()) statuses_.pop_front();
                                                  co_return net::HttpResponse{.status = status};
                                                });
    EXPECT_TRUE(server_->listen());
  }
  ~NotifierTest() override { server_.reset(); }

  config::Notify webhook() const {
    return {.webhook = "http://127.0.0.1:" + std::to_string(server_->port()) + "/hooks/secret?x=1",
            .authorization = "Bearer word",
            .timeout_s = 5};
  }
  void start(config::Notify options) {
    notifier_ = std::make_unique<Notifier>(io_.get_executor(), clock_, board_, journal_, telemetry_, "run", options);
    publish("replica");
  }
  // Publishes a snapshot with this role. Each change of the role makes one notice.
  void publish(const std::string& role) {
    auto snapshot = scene::replica();
    snapshot.role = role;
    snapshot.seen.now = clock_.now();
    board_.publish(std::make_shared<const api::Snapshot>(std::move(snapshot)));
  }
  void changes(int count) {
    for (int i = 0; i < count; ++i) publish(++changes_ % 2 ? "primary" : "replica");
  }
  bool soon(const std::function<bool()>& done) {
    const auto until = std::chrono::steady_clock::now() + 20s;
    io_.restart();
    while (!done() && std::chrono::steady_clock::now() < until) io_.run_one_for(100ms);
    return done();
  }
  const api::Telemetry::Deliveries& counts(const std::string& by) { return telemetry_->notifications.at(by); }

  asio::io_context io_{1};
  HastyClock clock_;
  api::Board board_;
  api::Journal journal_;
  std::shared_ptr<api::Telemetry> telemetry_ = std::make_shared<api::Telemetry>();
  std::deque<int> statuses_;
  std::vector<net::HttpRequest> seen_;
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<Notifier> notifier_;

 private:
  int changes_ = 0;
};

TEST_F(NotifierTest, TheWebhookGetsEachNoticeUntilItAccepts) {
  statuses_ = {500, 404, 302};
  start(webhook());
  changes(2);
  EXPECT_EQ(counts("webhook").waiting, 2u);
  ASSERT_TRUE(soon([&] { return counts("webhook").waiting == 0; }));
  EXPECT_EQ(counts("webhook").delivered, 2u);
  ASSERT_EQ(seen_.size(), 5u);
  for (const auto& request : seen_) {
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/hooks/secret?x=1");
    EXPECT_EQ(*request.header("Authorization"), "Bearer word");
    EXPECT_EQ(*request.header("Content-Type"), "application/json");
  }
  EXPECT_EQ(Json::parse(seen_[3].body)["to"], "primary");
  EXPECT_EQ(seen_[0].body, seen_[3].body);
  EXPECT_EQ(Json::parse(seen_[4].body)["to"], "replica");
  EXPECT_EQ(counts("webhook").failed, 3u);
  EXPECT_EQ(clock_.slept, (std::vector<core::Duration>{1s, 2s, 4s}));
  EXPECT_FALSE(telemetry_->notifications.contains("command"));
}

TEST_F(NotifierTest, TheQueueIsBoundedAndThePaceLimited) {
  start(webhook());
  changes(150);
  ASSERT_TRUE(soon([&] { return counts("webhook").delivered == Notifier::waiting_max; }));
  EXPECT_EQ(counts("webhook").dropped, 50u);
  EXPECT_EQ(Json::parse(seen_[0].body)["id"], "n1-run-51") << "the oldest went";
  // 20 of the 100 notices are sent at once, and then 20 in each two minutes.
  EXPECT_EQ(clock_.now() - scene::at(scene::noon), 4 * 120s);
}

TEST_F(NotifierTest, AnHourOfFailuresIsEnough) {
  start(webhook());
  statuses_.assign(200, 503);
  changes(1);
  ASSERT_TRUE(soon([&] { return counts("webhook").dropped == 1; }));
  EXPECT_LT(clock_.now() - scene::at(scene::noon), 62min);
  EXPECT_LT(counts("webhook").failed, 80u);
  statuses_.clear();
  changes(1);
  EXPECT_TRUE(soon([&] { return counts("webhook").delivered == 1; }));
}

TEST_F(NotifierTest, AReloadChangesWhoIsTold) {
  start(webhook());
  statuses_.assign(3, 503);
  changes(3);
  ASSERT_TRUE(soon([&] { return counts("webhook").failed == 3; }));
  notifier_->configure({});
  EXPECT_TRUE(telemetry_->notifications.empty());
  changes(1);
  const auto before = seen_.size();
  io_.run_for(200ms);
  EXPECT_LE(seen_.size(), before + 1) << "one may have been under way";
  EXPECT_TRUE(telemetry_->notifications.empty());
  seen_.clear();
  notifier_->configure(webhook());
  changes(1);
  ASSERT_TRUE(soon([&] { return counts("webhook").delivered == 1; }));
  EXPECT_EQ(seen_.size(), 1u);
}

TEST_F(NotifierTest, TheCommandReadsOneNoticeFromItsInput) {
  const auto file = testing::TempDir() + "notices-" + std::to_string(::getpid());
  config::Notify options{.command = {"sh", "-c", "cat >>\"$1\"; echo >>\"$1\"; test -e \"$1\".good", "sh", file},
                         .timeout_s = 5};
  start(options);
  changes(1);
  ASSERT_TRUE(soon([&] { return counts("command").failed >= 2; }));
  std::ofstream(file + ".good") << "";
  ASSERT_TRUE(soon([&] { return counts("command").delivered == 1; }));
  std::ifstream read(file);
  std::string line;
  ASSERT_TRUE(std::getline(read, line));
  EXPECT_EQ(Json::parse(line)["text"], "n1 of demo is primary; it was replica");
  ::unlink(file.c_str());
  ::unlink((file + ".good").c_str());
}

TEST_F(NotifierTest, OneThatHangsDoesNotDelayTheOther) {
  net::test::RawServer silent(
      io_, [](net::test::tcp::socket& socket, int) -> awaitable<void> { co_await net::test::read_until(socket, ""); });
  start({.command = {"true"}, .webhook = silent.url(), .timeout_s = 1});
  changes(3);
  ASSERT_TRUE(soon([&] { return counts("command").delivered == 3; }));
  EXPECT_EQ(counts("webhook").delivered, 0u);
  EXPECT_EQ(counts("webhook").waiting, 3u);
  ASSERT_TRUE(soon([&] { return counts("webhook").failed == 2; })) << "its own time limit ends each attempt";
  EXPECT_GE(silent.connections(), 2);
}

}  // namespace
}  // namespace tamada::agent
