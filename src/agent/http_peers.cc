#include "agent/http_peers.h"

#include <charconv>
#include <utility>

#include "dcs/etcd_codec.h"
#include "net/http.h"
#include "net/http_client.h"
#include "net/side_by_side.h"
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

std::string peer_authorization(const config::Local& local) {
  const auto& own = local.restapi;
  if (own.username.empty() && own.password.empty()) return "";
  return "Basic " + dcs::base64_encode(own.username + ":" + own.password);
}

HttpPeers::HttpPeers(net::TlsClient tls, std::string authorization, std::string instance)
    : tls_(std::move(tls)), authorization_(std::move(authorization)), instance_(std::move(instance)) {}

namespace {

std::optional<core::Lsn> lsn_header(const net::HttpResponse& response) {
  const auto* text = response.header("lsn");
  if (!text) return std::nullopt;
  core::Lsn lsn = 0;
  const auto [stopped, failed] = std::from_chars(text->data(), text->data() + text->size(), lsn);
  return failed == std::errc() ? std::optional(lsn) : std::nullopt;
}

}  // namespace

constexpr std::size_t refusal_bytes_max = 200;  // of a refusal's text, because the text is logged

FailsafeAnswer failsafe_answer(const net::HttpResponse& response) {
  return {.reachable = true,
          .accepted = response.status == 200 && response.body == "Accepted",
          .lsn = lsn_header(response),
          .text = std::to_string(response.status) + " " + response.body.substr(0, refusal_bytes_max)};
}

awaitable<core::PeerView> HttpPeers::ask(core::Member member, core::Duration timeout) {
  core::PeerView nobody;
  nobody.name = member.name;
  auto url = net::Url::parse(member.api_url);
  if (!url) co_return nobody;
  net::HttpRequest request{.answer_bytes_max = wire::peer_answer_bytes_max};
  request.method = "GET";
  request.target = url->path.empty() ? "/patroni" : std::exchange(url->path, "");
  std::optional<net::TlsClient> tls;
  if (url->scheme == "https") tls = tls_;
  const auto response = co_await net::http_once(*url, tls, request, timeout);
  if (!response) co_return nobody;
  const auto* date = response->header("Date");
  auto peer = wire::parse_peer(response->body, date ? net::parse_http_date(*date) : std::nullopt);
  peer.name = member.name;
  peer.reachable = true;
  co_return peer;
}

awaitable<FailsafeAnswer> HttpPeers::ask_failsafe(std::string api_url, std::string body, core::Duration timeout) {
  auto url = net::Url::parse(api_url);
  if (!url) co_return FailsafeAnswer{};
  url->path.clear();  // api_url ends with /patroni
  net::HttpRequest request{.answer_bytes_max = wire::peer_answer_bytes_max};
  request.method = "POST";
  request.target = "/failsafe";
  request.headers.emplace_back("Content-Type", "application/json");
  if (!authorization_.empty()) request.headers.emplace_back("Authorization", authorization_);
  request.body = std::move(body);
  std::optional<net::TlsClient> tls;
  if (url->scheme == "https") tls = tls_;
  const auto response = co_await net::http_once(*url, tls, request, timeout);
  if (!response) co_return FailsafeAnswer{};
  co_return failsafe_answer(*response);
}

awaitable<std::map<std::string, core::PeerView>> HttpPeers::poll(std::vector<core::Member> members,
                                                                 core::Duration timeout) {
  std::map<std::string, awaitable<core::PeerView>> questions;
  for (auto& member : members) {
    auto name = member.name;
    questions.emplace(std::move(name), ask(std::move(member), timeout));
  }
  auto answers = co_await net::side_by_side(std::move(questions));
  for (auto& [name, peer] : answers) peer.name = name;
  co_return answers;
}

awaitable<std::map<std::string, FailsafeAnswer>> HttpPeers::failsafe(std::map<std::string, std::string> members,
                                                                     core::FailsafeLeader leader,
                                                                     core::Duration timeout) {
  const auto body = wire::failsafe_leader_json(leader);
  std::map<std::string, awaitable<FailsafeAnswer>> questions;
  for (auto& [name, api_url] : members) questions.emplace(name, ask_failsafe(std::move(api_url), body, timeout));
  co_return co_await net::side_by_side(std::move(questions));
}

awaitable<bool> HttpPeers::alive(std::string api_url, core::Duration timeout) {
  auto url = net::Url::parse(api_url);
  if (!url) co_return false;
  url->path.clear();  // api_url ends with /patroni
  net::HttpRequest request{.answer_bytes_max = wire::peer_answer_bytes_max};
  request.method = "GET";
  request.target = "/liveness";
  std::optional<net::TlsClient> tls;
  if (url->scheme == "https") tls = tls_;
  const auto response = co_await net::http_once(*url, tls, request, timeout);
  if (!response) co_return false;  // any answer shows that a daemon lives, even a 503
  const auto* who = response->header(instance_header);
  co_return !who || *who != instance_;
}

}  // namespace tamada::agent
