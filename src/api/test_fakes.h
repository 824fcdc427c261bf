// Helpers for tests of the API: a clock that stands still, an agent that writes into a cluster held in memory, and a
// node to send requests to.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/routes.h"
#include "api/test_snapshot.h"
#include "net/event.h"

namespace tamada::api::test {

class FakeClock final : public net::Clock {
 public:
  core::Instant now() const override { return now_; }
  core::WallTime wall() const override { return core::WallTime(std::chrono::seconds(1795386400)); }
  awaitable<void> sleep_until(core::Instant until) override {
    auto timer =
        std::make_shared<asio::steady_timer>(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    sleepers_.push_back({until, timer});
    if (until <= now_) timer->expires_at(asio::steady_timer::time_point::min());
    ++sleeping;
    const auto [error] = co_await timer->async_wait(asio::as_tuple(use_awaitable));
    --sleeping;
    if (error && now_ < until) throw boost::system::system_error(error);
  }
  void advance(core::Duration by) {
    now_ += by;
    for (auto& sleeper : sleepers_) {
      if (sleeper.until <= now_) sleeper.timer->expires_at(asio::steady_timer::time_point::min());
    }
  }
  int sleeping = 0;

 private:
  struct Sleeper {
    core::Instant until;
    std::shared_ptr<asio::steady_timer> timer;
  };
  core::Instant now_ = at(noon);
  std::vector<Sleeper> sleepers_;
};

// Each write appears on the board at once, as if the watch had delivered it.
class FakeAgent final : public Commands {
 public:
  explicit FakeAgent(Board& board) : board_(board) {}

  void publish(const std::function<void(Snapshot&)>& change) {
    auto next = std::make_shared<Snapshot>(*board_.latest());
    ++next->version;
    change(*next);
    board_.publish(next);
  }
  awaitable<void> refresh(core::Duration) override {
    ++refreshes;
    if (refreshed) co_await refreshed->async_wait(asio::as_tuple(use_awaitable));
  }
  awaitable<core::Result<core::ClusterView>> read_keys() override {
    if (dcs_down) co_return core::fail("etcd is down");
    co_return keys();
  }
  awaitable<core::Result<bool>> write_failover(core::FailoverRequest request, core::Revision expected) override {
    if (dcs_down) co_return core::fail("etcd is down");
    if (expected != keys().failover_revision) co_return false;
    request.revision = ++revision_;
    failovers.push_back(request);
    write([&](core::ClusterView& view) {
      view.failover = request;
      view.failover_revision = request.revision;
    });
    co_return true;
  }
  awaitable<core::Result<bool>> delete_failover(core::Revision expected) override {
    if (expected != keys().failover_revision) co_return false;
    write([](core::ClusterView& view) {
      view.failover.reset();
      view.failover_revision = 0;
    });
    co_return true;
  }
  awaitable<core::Result<bool>> write_config(std::string json, core::Revision expected) override {
    if (dcs_down) co_return core::fail("etcd is down");
    if (const auto hook = before_config_write) hook();
    if (expected != keys().config_revision) co_return false;
    ++config_writes;
    write([&](core::ClusterView& view) {
      view.config_json = json;
      view.config_revision = ++revision_;
    });
    co_return true;
  }
  std::optional<std::string> failsafe_leader(core::FailsafeLeader leader) override {
    if (refuses_failsafe) return refuses_failsafe;
    failsafe_leaders.push_back(std::move(leader));
    return std::nullopt;
  }
  void reload() override { ++reloads; }
  void restart(core::RestartRequest) override { ++restarts; }
  void schedule_restart(std::optional<core::RestartRequest> request) override {
    publish([&](Snapshot& s) { s.seen.requests.scheduled_restart = request; });
  }
  core::ReplacedData replaced;
  wire::ServerParameters parameters;
  const wire::ServerParameters& server_parameters() const override { return parameters; }
  awaitable<core::ReplacedData> replaced_data(core::Duration) override { co_return replaced; }
  core::Result<core::DataSize> size = core::DataSize{.data = 40'000'000, .wal = 16'777'216};
  int measured = 0;
  net::Event* measuring = nullptr;  // null means that it takes no time
  awaitable<core::Result<core::DataSize>> data_size(core::Duration) override {
    ++measured;
    if (measuring) co_await measuring->wait();
    co_return size;
  }
  void reinitialize(bool by_force, bool from_leader) override {
    ++reinitializes;
    last_reinitialize = std::string(by_force ? "force" : "") + (from_leader ? " from_leader" : "");
  }

  asio::steady_timer* refreshed = nullptr;  // null means that a refresh ends at once
  int refreshes = 0, config_writes = 0, reloads = 0, restarts = 0, reinitializes = 0;
  std::string last_reinitialize;
  bool dcs_down = false;
  std::optional<std::string> refuses_failsafe;
  std::vector<core::FailoverRequest> failovers;
  std::vector<core::FailsafeLeader> failsafe_leaders;
  std::function<void()> before_config_write;
  // What the DCS holds while the board does not show it yet. The next write of a key shows it, if `shows` is true.
  std::optional<core::ClusterView> held;
  bool shows = true;

 private:
  const core::ClusterView& keys() const { return held ? *held : board_.latest()->seen.cluster; }
  void write(const std::function<void(core::ClusterView&)>& change) {
    auto next = keys();
    change(next);
    if (!shows) {
      held = next;
      return;
    }
    held.reset();
    publish([&](Snapshot& s) { s.seen.cluster = next; });
  }

  Board& board_;
  core::Revision revision_ = 1000;
};

// The API of one node, without a socket.
class Node {
 public:
  explicit Node(Snapshot snapshot, RestApiOptions options = {}) : agent(board) {
    options.scope = "demo";
    options.name = snapshot.seen.self;
    options.ask_peer = [this](std::string url) -> awaitable<core::Result<net::HttpResponse>> {
      asked.push_back(url);
      const auto it = peers.find(url);
      if (it == peers.end()) co_return core::fail("connection refused");
      co_return net::HttpResponse{200, {}, it->second};
    };
    options.tell_peer = [this](std::string url, net::HttpRequest request,
                               core::Duration) -> awaitable<core::Result<net::HttpResponse>> {
      std::string line = request.method + " " + url;
      for (const auto& [name, value] : request.headers) line += " [" + name + ": " + value + "]";
      told.push_back(line + " " + request.body);
      const auto it = replies.find(request.method + " " + url);
      if (it == replies.end()) co_return core::fail("no answer in time");
      co_return it->second;
    };
    board.publish(std::make_shared<Snapshot>(std::move(snapshot)));
    api = std::make_unique<RestApi>(io.get_executor(), board, agent, clock, std::move(options));
  }

  void start(std::string method, std::string target, std::string body = {}, std::string authorization = {}) {
    net::HttpRequest request{std::move(method), std::move(target), {}, std::move(body), {}};
    if (!request.body.empty()) request.headers.emplace_back("Content-Length", std::to_string(request.body.size()));
    if (!authorization.empty()) request.headers.emplace_back("Authorization", authorization);
    request.headers.insert(request.headers.end(), headers.begin(), headers.end());
    request.peer_address = peer_address;
    answer.reset();
    asio::co_spawn(io, api->handle(std::move(request)), [this](std::exception_ptr error, net::HttpResponse response) {
      if (error) std::rethrow_exception(error);
      answer = std::move(response);
    });
    run();
  }
  // Runs everything that is ready, without moving the clock.
  void run() {
    io.restart();
    while (io.poll() != 0) {
    }
  }
  void pass(core::Duration time) {
    clock.advance(time);
    run();
  }
  void publish(const std::function<void(Snapshot&)>& change) {
    agent.publish(change);
    run();
  }
  // The answer of a request that ends without waiting, as "200 text".
  std::string ask(std::string method, std::string target, std::string body = {}, std::string authorization = {}) {
    start(std::move(method), std::move(target), std::move(body), std::move(authorization));
    return said();
  }
  std::string said() const { return answer ? std::to_string(answer->status) + " " + answer->body : "waiting"; }

  asio::io_context io;
  FakeClock clock;
  Board board;
  FakeAgent agent;
  std::map<std::string, std::string> peers;
  std::vector<std::string> asked;
  std::map<std::string, net::HttpResponse> replies;  // by method and URL
  std::vector<std::string> told;                     // the requests that were passed on to other members
  std::string peer_address = "127.0.0.1";
  std::vector<std::pair<std::string, std::string>> headers;  // added to every request
  std::unique_ptr<RestApi> api;
  std::optional<net::HttpResponse> answer;
};

}  // namespace tamada::api::test
