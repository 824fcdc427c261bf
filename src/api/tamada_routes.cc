// GET /tamada/...: additions to Patroni's API; see docs/rest.md.
#include <charconv>
#include <nlohmann/json.hpp>

#include "api/errors.h"
#include "api/json_values.h"
#include "api/routes.h"
#include "api/status.h"
#include "api/status_json.h"
#include "core/candidate.h"
#include "core/presentation.h"
#include "core/problems.h"
#include "wire/json.h"
#include "wire/keys.h"
#include "wire/python_json.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;
using net::HttpResponse;

namespace {

constexpr auto wait_max = std::chrono::seconds(60);
constexpr std::size_t followers_max = 256;
// All users of the dashboard share one answer, so that the members are not asked more often than this.
constexpr auto members_are_good_for = std::chrono::milliseconds(900);
constexpr auto samples_are_good_for = std::chrono::seconds(9);
constexpr auto doctor_is_good_for = std::chrono::milliseconds(4500);
constexpr auto clusters_are_good_for = std::chrono::seconds(5);  // a failure, too

double json_seconds(core::Duration duration) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) / 1e3;
}

double json_milliseconds(core::Duration duration) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count()) / 1e3;
}

std::uint64_t number_at(const Query& query, std::string_view name) {
  const auto* text = find(query, name);
  std::uint64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

Json handover_json(const Handover& handover, core::Instant now) {
  Json out = {{"kind", handover.kind},
              {"state", name(handover.state)},
              {"from", text_or_null(handover.from)},
              {"to", text_or_null(handover.to)},
              {"began", wire::format_iso(handover.began_wall)}};
  const bool running = handover.state == Handover::State::running;
  out["ms"] = json_milliseconds((running ? now : handover.ended) - handover.began);
  auto& phases = out["phases"] = Json::array();
  for (const auto& phase : handover.phases) {
    phases.push_back({{"phase", phase.name},
                      {"state", phase.ended ? "done" : "running"},
                      {"at_ms", json_milliseconds(phase.began - handover.began)},
                      {"ms", json_milliseconds(phase.ended.value_or(now) - phase.began)}});
    if (!phase.waits_for.empty()) phases.back()["waits_for"] = phase.waits_for;
  }
  if (handover.state == Handover::State::done) out["outage_ms"] = json_milliseconds(handover.outage());
  if (!handover.reason.empty()) out["reason"] = handover.reason;
  if (!handover.cause.empty()) out["cause"] = handover.cause;
  return out;
}

// The standbys that receive WAL from this server.
Json standbys_json(const std::vector<core::ReplicationConnection>& connections) {
  auto out = Json::array();
  for (const auto& c : connections)
    out.push_back({{"name", c.application_name}, {"state", c.state}, {"sync_state", c.sync_state}});
  return out;
}

}  // namespace

awaitable<HttpResponse> RestApi::get_tamada(Call call) {
  if (call.target.path == "/tamada/events") co_return co_await get_events(std::move(call));
  if (call.target.path == "/tamada/events/stream") co_return get_event_stream(call);
  if (call.target.path == "/tamada/size") co_return co_await get_size(std::move(call));
  if (call.target.path == "/tamada/members")
    co_return co_await of_round(members_round_, members_are_good_for, &RestApi::ask_members);
  if (call.target.path == "/tamada/members/samples")
    co_return co_await of_round(samples_round_, samples_are_good_for, &RestApi::ask_samples);
  if (call.target.path == "/tamada/doctor")
    co_return co_await of_round(doctor_round_, doctor_is_good_for, &RestApi::ask_doctor);
  if (call.target.path == "/tamada/clusters" && options_.ui) {
    const auto query = parse_query(call.target.query);
    const auto* whose = find(query, "namespaces");
    if (whose && *whose == "all")
      co_return co_await of_round(all_clusters_round_, clusters_are_good_for, &RestApi::ask_all_clusters);
    co_return co_await of_round(clusters_round_, clusters_are_good_for, &RestApi::ask_clusters);
  }
  if (read_of(call.target)) co_return co_await get_shared(std::move(call));
  co_return error_page(404);
}

HttpResponse RestApi::last_handover() const {
  const auto& handover = journal_->handover();
  return json(200, handover ? handover_json(*handover, clock_.now()) : Json(nullptr));
}

HttpResponse RestApi::parameters() const {
  return json(200, wire::server_parameters_json(commands_.server_parameters()));
}

HttpResponse RestApi::samples() const {
  Json out = {{"member", options_.name}, {"time", wire::format_iso(clock_.wall())}};
  auto body = wire::dump_python(out);
  body.pop_back();
  body += ", ";
  samples_->append(body);
  body += "}";
  return text(200, std::move(body), "application/json");
}

// wait=SECONDS: if there is no new event, the answer waits that long for one.
awaitable<HttpResponse> RestApi::get_events(Call call) {
  const auto query = parse_query(call.target.query);
  auto since = number_at(query, "since");
  const auto newest = static_cast<std::size_t>(number_at(query, "newest"));
  if (const auto* member = find(query, "member"); member && *member != options_.name)
    co_return co_await get_events_of(*member, since, newest);
  // The client's number is from before the daemon's restart, after which the numbers begin again, so all events are new
  // to it.
  if (since > journal_->last_id()) since = 0;
  const auto wait = std::min<core::Duration>(std::chrono::seconds(number_at(query, "wait")), wait_max);
  if (wait > core::Duration::zero() && journal_->last_id() == since) {
    if (*followers_ >= followers_max) co_return error_page(503);
    const std::shared_ptr<std::size_t> follower(followers_.get(), [all = followers_](std::size_t*) { --*all; });
    ++*followers_;
    co_await publications_.wait([journal = journal_, since](const Snapshot&) { return journal->last_id() > since; },
                                clock_.now() + wait);
  }
  Json out = {{"member", options_.name}, {"time", wire::format_iso(clock_.wall())}, {"last", journal_->last_id()}};
  // Each event was converted to JSON when it happened, so thousands of them cost hardly more than one.
  auto body = wire::dump_python(out);
  body.pop_back();
  body += ", \"events\": [";
  const auto last = journal_->last_id();
  if (newest != 0 && last > newest) since = std::max<std::uint64_t>(since, last - newest);
  journal_->append_since(since, body);
  body += "]}";
  co_return text(200, std::move(body), "application/json");
}

// Clients that stay. Nothing is done for them until something happens.
HttpResponse RestApi::get_event_stream(const Call& call) {
  auto feed = event_stream_->open(publications_, clock_);
  if (!feed) {
    auto refusal = error_page(503);
    refusal.headers.emplace_back("Retry-After", "10");
    return refusal;
  }
  auto response =
      text(200, event_stream_->beginning(*board_.latest(), call.request.header("Last-Event-ID")), "text/event-stream");
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Accel-Buffering", "no");  // nginx passes each event on at once
  response.feed = std::move(feed);
  return response;
}

HttpResponse RestApi::explanation() const {
  const auto snapshot = board_.latest();
  const auto now = clock_.now();
  const auto& seen = snapshot->seen;
  const auto status = status_of(*snapshot, now);
  Json out = {{"member", options_.name},
              {"time", wire::format_iso(clock_.wall())},
              {"role", status.role},
              {"state", status.state},
              {"leader", seen.cluster.unlocked() ? Json(nullptr) : Json(seen.cluster.leader->name)},
              {"pause", status.pause}};
  out["decision"] = {{"rule", snapshot->decision.rule},
                     {"reason", snapshot->decision.reason},
                     {"since", wire::format_iso(journal_->rule_since())}};
  const bool alive = seen.lease.id && seen.lease.deadline && now < *seen.lease.deadline;
  out["lease_seconds_left"] = alive ? Json(json_seconds(*seen.lease.deadline - now)) : Json(nullptr);
  if (seen.job.running()) {
    out["job"] = {{"job", core::name(seen.job.kind)},
                  {"step", text_or_null(seen.job.step)},
                  {"seconds", json_seconds(now - seen.job.started_at)}};
  }
  bool open = true;
  auto gates = Json::array();
  for (const auto& gate : core::promotion_gates(seen, snapshot->decision.memory)) {
    open = open && !gate.obstacle;
    gates.push_back({{"gate", gate.name},
                     {"open", !gate.obstacle},
                     {"reason", gate.obstacle ? Json(*gate.obstacle) : Json(nullptr)}});
  }
  const auto& problems = snapshot->decision.problems;
  if (!problems.empty()) {
    out["trouble"] = core::in_one_line(problems);
    out["problems"] = problems_json(problems);
  }
  if (status.sql) out["replication_state"] = text_or_null(status.sql->replication_state);
  if (status.sql && !status.sql->replication.empty()) out["standbys"] = standbys_json(status.sql->replication);
  out["leads"] = status.leader;
  out["may_be_promoted"] = open;
  out["gates"] = std::move(gates);
  return json(200, out);
}

}  // namespace tamada::api
