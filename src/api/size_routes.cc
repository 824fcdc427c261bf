// GET /tamada/size: how large the data of a member are. The dashboard asks before somebody has them copied anew.
// Nothing else asks, because the answer needs a look at each file.
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <nlohmann/json.hpp>

#include "api/errors.h"
#include "api/routes.h"
#include "net/event.h"
#include "wire/json.h"
#include "wire/keys.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;
using net::HttpResponse;
using namespace asio::experimental::awaitable_operators;

namespace {

constexpr auto measured_within = std::chrono::seconds(8);
constexpr auto answered_within = std::chrono::seconds(10);  // also if the disk hangs, and du with it
constexpr auto passed_back_within = std::chrono::seconds(12);
// Whoever reaches the port may ask, so the files are not looked at more often than this.
constexpr auto size_is_good_for = std::chrono::seconds(60);
constexpr std::size_t questions_max = 8;

std::string_view name(core::DataSize::Replaced replaced) {
  switch (replaced) {
    case core::DataSize::Replaced::when_copied:
      return "when_copied";
    case core::DataSize::Replaced::before:
      return "before";
    case core::DataSize::Replaced::in_place:
      return "in_place";
  }
  return "";
}

}  // namespace

struct RestApi::Measuring {
  std::optional<core::Result<core::DataSize>> result;
  core::Instant made{};
  std::vector<std::shared_ptr<net::Event>> waiting;

  static awaitable<void> run(std::shared_ptr<Measuring> self, Commands& commands, net::Clock& clock) {
    self->result = co_await commands.data_size(measured_within);
    self->made = clock.now();
    for (const auto& one : std::exchange(self->waiting, {})) one->notify();
  }
};

awaitable<HttpResponse> RestApi::get_size(Call call) {
  const auto query = parse_query(call.target.query);
  if (const auto* member = find(query, "member"); member && *member != options_.name)
    co_return co_await get_size_of(*member);
  if (!measuring_ || (measuring_->result && clock_.now() - measuring_->made >= size_is_good_for)) {
    measuring_ = std::make_shared<Measuring>();
    asio::co_spawn(executor_, Measuring::run(measuring_, commands_, clock_), asio::detached);
  }
  const auto mine = measuring_;
  if (!mine->result) {
    const auto done = std::make_shared<net::Event>(executor_);
    mine->waiting.push_back(done);
    co_await (done->wait() || clock_.sleep_until(clock_.now() + answered_within));
    std::erase(mine->waiting, done);
  }
  Json out = {{"member", options_.name}, {"time", wire::format_iso(clock_.wall())}};
  const bool known = mine->result && *mine->result;
  out["data_bytes"] = known ? Json((*mine->result)->data) : Json(nullptr);
  out["wal_bytes"] = known ? Json((*mine->result)->wal) : Json(nullptr);
  if (known) {
    out["replaced"] = name((*mine->result)->replaced);
  } else {
    out["error"] = mine->result ? mine->result->error().what : "its files have not been counted yet";
  }
  co_return json(200, out);
}

awaitable<HttpResponse> RestApi::get_size_of(std::string member) {
  const auto snapshot = board_.latest();
  const auto* whom = snapshot->seen.cluster.member(member);
  if (!whom) co_return error_page(404, "no such member");
  if (*questions_ >= questions_max) co_return error_page(503);
  const std::shared_ptr<std::size_t> question(questions_.get(), [all = questions_](std::size_t*) { --*all; });
  ++*questions_;
  auto url = url_of(*whom, "/tamada/size");
  if (url.empty()) co_return error_page(502, member + " has published no usable api_url");
  const auto tell = options_.tell_peer;  // kept here, as the options may change meanwhile
  const auto answer = co_await tell(std::move(url), {.method = "GET"}, passed_back_within);
  if (!answer) co_return error_page(502, member + " does not answer: " + answer.error().what);
  const auto body = wire::parse_object(answer->body);
  if (answer->status != 200 || !body || !body->contains("data_bytes"))
    co_return error_page(502, fmt::format("{} answers {}, but tells no size", member, answer->status));
  co_return text(200, answer->body, "application/json");
}

}  // namespace tamada::api
