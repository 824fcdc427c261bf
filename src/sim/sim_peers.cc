#include <boost/asio/co_spawn.hpp>

#include "net/event.h"
#include "sim/cluster.h"
#include "wire/peer.h"

namespace tamada::sim {

using namespace std::chrono_literals;

namespace {

// http://10.0.0.<node + 1>:8008/patroni
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

awaitable<std::map<std::string, core::PeerView>> SimPeers::poll(std::vector<core::Member> members,
                                                                core::Duration timeout) {
  struct Poll {
    explicit Poll(asio::any_io_executor e) : done(e) {}
    std::map<std::string, core::PeerView> answers;
    std::size_t open = 0;
    net::Event done;
  };
  const auto poll = std::make_shared<Poll>(life_.executor());
  poll->open = members.size();
  const bool deaf = cluster_.options.bugs.is("peers-not-asked");
  for (const auto& member : members) {
    asio::co_spawn(life_.executor(), get(member.api_url, timeout),
                   [poll, deaf, name = member.name](std::exception_ptr, core::Result<net::HttpResponse> answer) {
                     core::PeerView peer;
                     if (answer && !deaf) {
                       peer = wire::parse_peer(answer->body);
                       peer.reachable = true;
                     }
                     peer.name = name;
                     poll->answers[name] = std::move(peer);
                     if (--poll->open == 0) poll->done.notify();
                   });
  }
  if (poll->open > 0) co_await poll->done.wait();
  if (cluster_.options.bugs.is("peers-remembered")) {
    for (auto& [name, peer] : poll->answers) peer = first_answers_.try_emplace(name, peer).first->second;
  }
  co_return poll->answers;
}

awaitable<std::map<std::string, agent::FailsafeAnswer>> SimPeers::failsafe(std::map<std::string, std::string> members,
                                                                           core::FailsafeLeader leader,
                                                                           core::Duration timeout) {
  struct Round {
    explicit Round(asio::any_io_executor e) : done(e) {}
    std::map<std::string, agent::FailsafeAnswer> answers;
    std::size_t open = 0;
    net::Event done;
  };
  const auto round = std::make_shared<Round>(life_.executor());
  round->open = members.size();
  const bool granted = cluster_.options.bugs.is("failsafe-taken-for-granted");
  for (const auto& [name, api_url] : members) {
    net::HttpRequest request;
    request.method = "POST";
    request.target = "/failsafe";
    request.body = wire::failsafe_leader_json(leader);
    asio::co_spawn(life_.executor(), send(api_url, std::move(request), timeout),
                   [round, granted, name](std::exception_ptr, core::Result<net::HttpResponse> answer) {
                     round->answers[name] = answer ? agent::failsafe_answer(*answer) : agent::FailsafeAnswer{};
                     if (granted) round->answers[name].accepted = true;
                     if (--round->open == 0) round->done.notify();
                   });
  }
  if (round->open > 0) co_await round->done.wait();
  co_return round->answers;
}

awaitable<bool> SimPeers::alive(std::string api_url, core::Duration timeout) {
  if (node_of(api_url) == node_) co_return false;  // ourselves
  const auto answer = co_await get(std::move(api_url), timeout);
  co_return answer && answer->status == 200;
}

}  // namespace tamada::sim
