#include "agent/http_peers.h"

#include <boost/asio/co_spawn.hpp>
#include <memory>

#include "net/event.h"
#include "net/http_client.h"
#include "wire/peer.h"

namespace tamada::agent {

net::TlsClient peer_tls(const config::Local& local) {
  const auto& ctl = local.ctl;
  const auto& rest = local.restapi;
  const bool own = !ctl.certfile.empty();
  return {.ca_file = ctl.cacert.empty() ? rest.cafile : ctl.cacert,
          .cert_file = own ? ctl.certfile : rest.certfile,
          .key_file = own ? ctl.keyfile : rest.keyfile,
          .key_password = own ? ctl.keyfile_password : rest.keyfile_password,
          .verify = own,
          .verify_host = false};
}

HttpPeers::HttpPeers(net::TlsClient tls, std::string instance) : tls_(std::move(tls)), instance_(std::move(instance)) {}

awaitable<core::PeerView> HttpPeers::ask(core::Member member, core::Duration timeout) {
  core::PeerView nobody;
  nobody.name = member.name;
  const auto url = net::Url::parse(member.api_url);
  if (!url) co_return nobody;
  net::HttpRequest request;
  request.method = "GET";
  request.target = url->path.empty() ? "/patroni" : url->path;
  std::optional<net::TlsClient> tls;
  if (url->scheme == "https") tls = tls_;
  const auto response = co_await net::http_once(*url, tls, request, timeout);
  if (!response) co_return nobody;
  auto peer = wire::parse_peer(response->body);
  peer.name = member.name;
  peer.reachable = true;
  co_return peer;
}

awaitable<std::map<std::string, core::PeerView>> HttpPeers::poll(std::vector<core::Member> members,
                                                                 core::Duration timeout) {
  const auto executor = co_await asio::this_coro::executor;
  // Shared with the askers: the poll may be cancelled before they end.
  struct Poll {
    explicit Poll(asio::any_io_executor e) : done(e) {}
    std::map<std::string, core::PeerView> answers;
    std::size_t open = 0;
    net::Event done;
  };
  const auto poll = std::make_shared<Poll>(executor);
  poll->open = members.size();
  for (auto& member : members) {
    const auto member_name = member.name;
    asio::co_spawn(executor, ask(std::move(member), timeout),
                   [poll, member_name](std::exception_ptr thrown, core::PeerView peer) {
                     peer.name = member_name;
                     if (thrown) peer.reachable = false;
                     poll->answers[member_name] = std::move(peer);
                     if (--poll->open == 0) poll->done.notify();
                   });
  }
  if (poll->open > 0) co_await poll->done.wait();
  co_return poll->answers;
}

awaitable<bool> HttpPeers::alive(std::string api_url, core::Duration timeout) {
  const auto url = net::Url::parse(api_url);
  if (!url) co_return false;
  net::HttpRequest request;
  request.method = "GET";
  request.target = "/liveness";
  std::optional<net::TlsClient> tls;
  if (url->scheme == "https") tls = tls_;
  const auto response = co_await net::http_once(*url, tls, request, timeout);
  if (!response || response->status != 200) co_return false;
  const auto* who = response->header(instance_header);
  co_return !who || *who != instance_;
}

}  // namespace tamada::agent
