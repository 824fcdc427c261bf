// Answers about the other members. A browser may send requests only to the server that the page came from, so the
// daemon asks the members on its behalf.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "api/errors.h"
#include "api/routes.h"
#include "net/event.h"
#include "net/http_client.h"
#include "net/side_by_side.h"
#include "wire/json.h"
#include "wire/keys.h"
#include "wire/python_json.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;
using net::HttpResponse;

namespace {

// All users of the dashboard share one answer, so that the members are not asked more often than this.
constexpr auto round_is_good_for = std::chrono::milliseconds(900);
constexpr std::size_t questions_max = 8;
constexpr std::size_t events_of_others_max = 500;  // as many as fit into the longest answer that is read

// The URL of another path of the REST API that the member has published; empty when it has published no usable URL.
std::string url_of(const core::Member& member, std::string_view path) {
  const auto url = net::Url::parse(member.api_url);
  if (!url) return {};
  return fmt::format("{}://{}{}", url->scheme, url->authority(), path);
}

// A member whose answer explains nothing is alive, too: Patroni answers any unknown path as it answers `/`.
Json told_by(const core::Result<HttpResponse>& answer) {
  if (!answer) return {{"explain", nullptr}, {"answers", false}, {"error", answer.error().what}};
  auto body = wire::parse_object(answer->body);
  if (!body || !body->contains("gates"))
    return {{"explain", nullptr},
            {"answers", true},
            {"error", fmt::format("it answers {} without an explanation", answer->status)}};
  return {{"explain", std::move(*body)}, {"answers", true}};
}

awaitable<Json> ask(AskPeer peer, std::string url) {
  if (url.empty()) co_return told_by(core::fail("it has published no usable api_url"));
  co_return told_by(co_await peer(std::move(url)));
}

}  // namespace

struct RestApi::Round {
  std::string body;
  core::Instant made{};
  bool over = false;
  std::vector<std::shared_ptr<net::Event>> waiting;

  void end() {
    over = true;
    for (const auto& one : std::exchange(waiting, {})) one->notify();
  }
};

awaitable<std::string> RestApi::ask_members() {
  const auto snapshot = board_.latest();
  const auto& cluster = snapshot->seen.cluster;
  std::map<std::string, awaitable<Json>> questions;
  for (const auto& [name, member] : cluster.members) {
    if (name != options_.name) questions.emplace(name, ask(options_.ask_peer, url_of(member, "/tamada/explain")));
  }
  const auto answers = co_await net::side_by_side(std::move(questions));
  Json out = {{"member", options_.name}, {"time", wire::format_iso(clock_.wall())}};
  auto& members = out["members"] = Json::array();
  members.push_back({{"name", options_.name}, {"explain", Json::parse(explanation().body)}, {"answers", true}});
  for (const auto& [name, answer] : answers) {
    members.push_back({{"name", name}});
    members.back().update(answer.is_object() ? answer : told_by(core::fail("it could not be asked")));
  }
  // The leader notes in `status` who was a member recently. Those among them that have no key now are missing.
  auto& missing = out["missing"] = Json::array();
  if (cluster.status) {
    for (const auto& [name, since] : cluster.status->members) {
      if (!cluster.member(name) && since != 0)
        missing.push_back({{"name", name}, {"since", wire::format_iso(core::WallTime(std::chrono::seconds(since)))}});
    }
  }
  co_return wire::dump_python(out);
}

awaitable<HttpResponse> RestApi::get_members() {
  for (;;) {
    if (round_ && !round_->over) {
      const auto done = std::make_shared<net::Event>(executor_);
      round_->waiting.push_back(done);
      co_await done->wait();
    }
    if (round_ && round_->over && !round_->body.empty() && clock_.now() - round_->made < round_is_good_for) break;
    if (round_ && !round_->over) continue;
    const auto mine = round_ = std::make_shared<Round>();
    try {
      mine->body = co_await ask_members();
    } catch (...) {
      mine->end();
      throw;
    }
    mine->made = clock_.now();
    mine->end();
  }
  co_return text(200, round_->body, "application/json");
}

// Passes a member's events on unchanged.
awaitable<HttpResponse> RestApi::get_events_of(std::string member, std::uint64_t since, std::size_t newest) {
  const auto snapshot = board_.latest();
  const auto* whom = snapshot->seen.cluster.member(member);
  if (!whom) co_return error_page(404, "no such member");
  if (*questions_ >= questions_max) co_return error_page(503);
  const std::shared_ptr<std::size_t> question(questions_.get(), [all = questions_](std::size_t*) { --*all; });
  ++*questions_;
  const auto path =
      fmt::format("/tamada/events?since={}&newest={}", since, std::clamp<std::size_t>(newest, 1, events_of_others_max));
  auto url = url_of(*whom, path);
  if (url.empty()) co_return error_page(502, member + " has published no usable api_url");
  const auto answer = co_await options_.ask_peer(std::move(url));
  if (!answer) co_return error_page(502, member + " does not answer: " + answer.error().what);
  const auto body = wire::parse_object(answer->body);
  if (answer->status != 200 || !body || !body->contains("events"))
    co_return error_page(502, fmt::format("{} answers {}, but tells no events", member, answer->status));
  co_return text(200, answer->body, "application/json");
}

}  // namespace tamada::api
