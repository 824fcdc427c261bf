// POST and DELETE /tamada/...?member=NAME: a browser may send requests only to the server that its page came from, so
// this node passes an operator's request for another member on to that member.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/errors.h"
#include "api/other_members.h"
#include "api/routes.h"
#include "net/log.h"

namespace tamada::api {

using net::HttpResponse;

namespace {

constexpr std::size_t passing_max = 16;
// The answer to a restart comes when the server runs again: a stop may take 10 min (restart_routes.cc), and the start
// takes primary_start_timeout, 5 min unless it is set.
constexpr auto restart_patience = std::chrono::minutes(16);
// These answers wait for etcd at most, and for the size of the data.
constexpr auto usual_patience = std::chrono::seconds(30);

// What of the member's answer reaches the caller beside status and body. All other headers concern the connection to
// the member, or are those of this node.
constexpr std::array<std::string_view, 3> headers_passed_back{"Content-Type", "WWW-Authenticate", "Retry-After"};

// Our connection to the caller would not survive a status that allows no body.
bool is_plain_answer(int status) { return status >= 200 && status < 600 && status != 204 && status != 304; }

// The member judges the password itself, so the caller's is passed on, and this node adds none of its own. Origin was
// judged here, and would be foreign to the member.
net::HttpRequest request_for_member(net::HttpRequest from) {
  net::HttpRequest out{.method = std::move(from.method), .body = std::move(from.body)};
  for (const char* name : {"Authorization", "Content-Type"}) {
    if (const auto* value = from.header(name)) out.headers.emplace_back(name, *value);
  }
  return out;
}

}  // namespace

std::span<const RestApi::PassedOn> RestApi::passed_on() {
  static constexpr std::array<PassedOn, 4> table{{
      {"POST", "/restart", &RestApi::post_restart, restart_patience},
      {"DELETE", "/restart", &RestApi::delete_restart, usual_patience},
      {"POST", "/reload", &RestApi::post_reload, usual_patience},
      {"POST", "/reinitialize", &RestApi::post_reinitialize, usual_patience},
  }};
  return table;
}

// handle() has checked by then that the caller may change this node.
awaitable<HttpResponse> RestApi::change_tamada(Call call) {
  constexpr std::string_view prefix = "/tamada";
  const auto& method = call.request.method;
  std::string_view path = call.target.path;
  if (!path.starts_with(prefix)) co_return error_page(404);
  path.remove_prefix(prefix.size());
  if (method == "POST" && path == "/check-config") co_return co_await check_config(std::move(call));
  const auto deed =
      std::ranges::find_if(passed_on(), [&](const PassedOn& one) { return one.method == method && one.path == path; });
  if (deed == passed_on().end()) co_return error_page(404);
  const auto query = parse_query(call.target.query);
  const auto* name = find(query, "member");
  if (!name) co_return error_page(400, "the query has to name a member: ?member=NAME");
  if (*name == options_.name) {
    const auto own = deed->own;
    co_return co_await (this->*own)(std::move(call));
  }
  const auto snapshot = board_.latest();
  const auto* member = snapshot->seen.cluster.member(*name);
  if (!member) co_return error_page(404, "no such member");
  co_return co_await pass_on(*deed, *member, std::move(call.request));
}

// A silent member is found before the request is sent, so that the caller need not wait as long as a restart may take,
// and knows that nothing was changed.
awaitable<HttpResponse> RestApi::pass_on(const PassedOn& deed, core::Member member, net::HttpRequest request) {
  if (*passing_ >= passing_max) co_return error_page(503, "too many requests for other members wait for an answer");
  const std::shared_ptr<std::size_t> passing(passing_.get(), [all = passing_](std::size_t*) { --*all; });
  ++*passing_;
  const auto& name = member.name;
  if (url_of(member, "/").empty()) co_return error_page(502, name + " has published no usable api_url");
  const auto tell = options_.tell_peer;  // kept here, as the options may change meanwhile
  const auto alive = co_await options_.ask_peer(url_of(member, "/liveness"));
  if (!alive) {
    co_return error_page(
        502, fmt::format("{} does not answer, so the request was not sent to it: {}", name, alive.error().what));
  }
  log::info("passing {} {} on to {}, for {}", deed.method, deed.path, name, request.peer_address);
  auto answer = co_await tell(url_of(member, deed.path), request_for_member(std::move(request)), deed.patience);
  if (!answer) {
    co_return error_page(
        502, fmt::format("the request was sent to {}, and its answer did not come: {}", name, answer.error().what));
  }
  if (!is_plain_answer(answer->status))
    co_return error_page(502, fmt::format("{} answers {}, which answers no such request", name, answer->status));
  HttpResponse out{answer->status, {}, std::move(answer->body)};
  for (const auto header : headers_passed_back) {
    if (const auto* value = answer->header(header)) out.headers.emplace_back(header, *value);
  }
  out.headers.insert(out.headers.end(), options_.extra_headers.begin(), options_.extra_headers.end());
  co_return out;
}

}  // namespace tamada::api
