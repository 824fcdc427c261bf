// Answers about the other members. A browser may send requests only to the server that the page came from, so the
// daemon asks the members on its behalf.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "api/errors.h"
#include "api/routes.h"
#include "net/event.h"
#include "net/side_by_side.h"
#include "wire/json.h"
#include "wire/keys.h"
#include "wire/python_json.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;
using net::HttpResponse;

namespace {

constexpr std::size_t questions_max = 8;
constexpr std::size_t events_of_others_max = 500;  // as many as fit into the longest answer that is read

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

// Asks one member; `read` makes the entry in our answer from what it says.
template <class Entry>
awaitable<Entry> ask(AskPeer peer, std::string url, Entry (*read)(const core::Result<HttpResponse>&)) {
  if (url.empty()) co_return read(core::fail("it has published no usable api_url"));
  co_return read(co_await peer(std::move(url)));
}

// The samples pass through as text: they need not become a tree of values.
std::string samples_of(const core::Result<HttpResponse>& answer) {
  const auto none = [](const std::string& why) {
    return "\"samples\": null, \"error\": " + wire::dump_python(Json(why));
  };
  if (!answer) return none(answer.error().what);
  if (answer->status != 200 || !answer->body.contains("\"columns\"") || !Json::accept(answer->body))
    return none(fmt::format("it answers {} without samples", answer->status));
  return "\"samples\": " + answer->body;
}

}  // namespace

struct RestApi::Round {
  std::optional<HttpResponse> answer;
  core::Instant made{};
  bool over = false;
  std::vector<std::shared_ptr<net::Event>> waiting;

  void end() {
    over = true;
    for (const auto& one : std::exchange(waiting, {})) one->notify();
  }
};

awaitable<HttpResponse> RestApi::ask_members() {
  const auto snapshot = board_.latest();
  const auto& cluster = snapshot->seen.cluster;
  std::map<std::string, awaitable<Json>> questions;
  for (const auto& [name, member] : cluster.members) {
    if (name != options_.name)
      questions.emplace(name, ask(options_.ask_peer, url_of(member, "/tamada/explain"), &told_by));
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
  co_return json(200, out);
}

awaitable<HttpResponse> RestApi::ask_samples() {
  const auto snapshot = board_.latest();
  std::map<std::string, awaitable<std::string>> questions;
  for (const auto& [name, member] : snapshot->seen.cluster.members) {
    if (name != options_.name)
      questions.emplace(name, ask(options_.ask_peer, url_of(member, "/tamada/samples"), &samples_of));
  }
  const auto answers = co_await net::side_by_side(std::move(questions));
  auto body = wire::dump_python({{"member", options_.name}, {"time", wire::format_iso(clock_.wall())}});
  body.pop_back();
  body += fmt::format(", \"members\": [{{\"name\": {}, {}}}", wire::dump_python(Json(options_.name)),
                      samples_of(samples()));
  for (const auto& [name, told] : answers) {
    body += fmt::format(", {{\"name\": {}, {}}}", wire::dump_python(Json(name)),
                        told.empty() ? samples_of(core::fail("it could not be asked")) : told);
  }
  co_return text(200, body + "]}", "application/json");
}

awaitable<HttpResponse> RestApi::of_round(std::shared_ptr<Round>& last, core::Duration good_for, Asking asking) {
  for (;;) {
    if (last && !last->over) {
      const auto done = std::make_shared<net::Event>(executor_);
      last->waiting.push_back(done);
      co_await done->wait();
    }
    if (last && last->over && last->answer && clock_.now() - last->made < good_for) break;
    if (last && !last->over) continue;
    const auto mine = last = std::make_shared<Round>();
    try {
      mine->answer = co_await (this->*asking)();
    } catch (...) {
      mine->end();
      throw;
    }
    mine->made = clock_.now();
    mine->end();
  }
  co_return *last->answer;
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
