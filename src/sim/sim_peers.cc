#include "net/side_by_side.h"
#include "sim/cluster.h"
#include "wire/peer.h"

namespace tamada::sim {

using namespace std::chrono_literals;

namespace {

// The node with this URL: http://10.0.0.<node + 1>:8008/patroni.
int node_of(const std::string& api_url) {
  const auto end = api_url.rfind(':');
  const auto dot = api_url.rfind('.', end);
  if (end == std::string::npos || dot == std::string::npos || dot > end) return -1;
  return std::stoi(api_url.substr(dot + 1, end - dot - 1)) - 1;
}

}  // namespace

awaitable<core::Result<net::HttpResponse>> SimPeers::get(std::string api_url, core::Duration timeout) {
  net::HttpRequest request;
  request.method = "GET";
  request.target = "/patroni";
  co_return co_await send(std::move(api_url), std::move(request), timeout);
}

awaitable<core::Result<net::HttpResponse>> SimPeers::send(std::string api_url, net::HttpRequest request,
                                                          core::Duration timeout) {
  struct Exchange {
    std::shared_ptr<Parked> parked;
    std::optional<net::HttpResponse> answer;
    bool refused = false;
  };
  const int other = node_of(api_url);
  if (other < 0 || other >= cluster_.size()) co_return core::fail("no such host");
  const auto exchange = std::make_shared<Exchange>();
  exchange->parked = life_.parked();
  auto& cluster = cluster_;
  const int self = node_;
  if (const auto there = cluster.network.travel(self, other)) {
    cluster.scheduler.after(*there, [&cluster, self, other, exchange, request = std::move(request)] {
      auto& peer = cluster.node(other);
      const auto back = [&cluster, self, other, exchange](std::optional<net::HttpResponse> answer) {
        const auto delay = cluster.network.travel(other, self);
        if (!delay) return;
        cluster.scheduler.after(*delay, [exchange, answer = std::move(answer)]() mutable {
          exchange->refused = !answer;
          exchange->answer = std::move(answer);
          exchange->parked->wake();
        });
      };
      if (!peer.up || peer.server.frozen()) return;
      if (!peer.daemon) return back(std::nullopt);
      peer.daemon->request(request, [back](net::HttpResponse answer) { back(std::move(answer)); });
    });
  }
  co_await life_.wait(exchange->parked, cluster.scheduler.now() + timeout);
  if (!exchange->answer) co_return core::fail(exchange->refused ? "connection refused" : "timed out");
  co_return std::move(*exchange->answer);
}

awaitable<core::PeerView> SimPeers::ask(core::Member member, core::Duration timeout) {
  const auto answer = co_await get(std::move(member.api_url), timeout);
  core::PeerView peer;
  if (answer && !cluster_.options.bugs.is("peers-not-asked")) {
    auto body = answer->body;
    std::optional<core::WallTime> answered_at;
    if (cluster_.options.bugs.is("clocks-of-hosts-compared")) {
      auto told = config::Json::parse(body);
      told.erase("dcs_last_seen_ago");
      body = told.dump();
      answered_at = cluster_.node(node_).daemon->clock.wall();
    }
    peer = wire::parse_peer(body, answered_at);
    peer.reachable = true;
  }
  co_return peer;
}

awaitable<std::map<std::string, core::PeerView>> SimPeers::poll(std::vector<core::Member> members,
                                                                core::Duration timeout) {
  std::map<std::string, awaitable<core::PeerView>> questions;
  for (auto& member : members) {
    auto name = member.name;
    questions.emplace(std::move(name), ask(std::move(member), timeout));
  }
  auto answers = co_await net::side_by_side(std::move(questions));
  for (auto& [name, peer] : answers) peer.name = name;
  if (cluster_.options.bugs.is("peers-remembered")) {
    for (auto& [name, peer] : answers) peer = first_answers_.try_emplace(name, peer).first->second;
  }
  co_return answers;
}

awaitable<agent::FailsafeAnswer> SimPeers::ask_failsafe(std::string api_url, std::string body, core::Duration timeout) {
  net::HttpRequest request;
  request.method = "POST";
  request.target = "/failsafe";
  request.body = std::move(body);
  const auto response = co_await send(std::move(api_url), std::move(request), timeout);
  auto answer = response ? agent::failsafe_answer(*response) : agent::FailsafeAnswer{};
  if (cluster_.options.bugs.is("failsafe-taken-for-granted")) answer.accepted = true;
  co_return answer;
}

awaitable<std::map<std::string, agent::FailsafeAnswer>> SimPeers::failsafe(std::map<std::string, std::string> members,
                                                                           core::FailsafeLeader leader,
                                                                           core::Duration timeout) {
  const auto body = wire::failsafe_leader_json(leader);
  std::map<std::string, awaitable<agent::FailsafeAnswer>> questions;
  for (auto& [name, api_url] : members) questions.emplace(name, ask_failsafe(std::move(api_url), body, timeout));
  co_return co_await net::side_by_side(std::move(questions));
}

awaitable<bool> SimPeers::alive(std::string api_url, core::Duration timeout) {
  if (node_of(api_url) == node_) co_return false;  // the URL is this node's own
  const auto answer = co_await get(std::move(api_url), timeout);
  co_return answer && answer->status == 200;
}

}  // namespace tamada::sim
