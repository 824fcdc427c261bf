#include "api/notices.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "wire/keys.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;

namespace {

// The part of a problem's text by which it is recognized when the rest of the text changes. "pg_rewind failed once: no
// route" and "pg_rewind failed 3 times: refused" are the same problem, and so are a slot that holds 4 GB of WAL and the
// same slot when it holds 8 GB.
std::string subject(const core::Problem& problem) {
  const auto text = problem.text.substr(0, problem.text.find(": "));
  std::string out(core::name(problem.kind));
  out += ' ';
  std::ranges::copy_if(text, std::back_inserter(out), [](char c) { return c < '0' || c > '9'; });
  for (const std::string_view ending : {" failed once", " failed  times"}) {
    if (out.ends_with(ending)) out.resize(out.size() - ending.size());
  }
  return out;
}

bool is_told(const core::Problem& problem) { return core::traits(problem.kind).in_member_key; }

std::string with_cause(std::string text, const Json& fields) {
  const auto cause = fields.find("cause");
  return cause != fields.end() && cause->is_string() ? text + ": " + cause->get<std::string>() : text;
}

std::string handover_text(const Json& fields, const std::string& scope) {
  const auto word = [&](const char* name) {
    const auto it = fields.find(name);
    return it != fields.end() && it->is_string() ? it->get<std::string>() : "nobody";
  };
  const auto kind = word("kind");
  const std::string what = kind == "automatic" ? "failover" : kind == "failover" ? "failover by request" : kind;
  if (word("phase") != "done")
    return fmt::format("{}: {} from {} failed: {}", scope, what, word("from"), word("reason"));
  const double seconds = fields.value("outage_ms", 0.0) / 1e3;
  const auto* role = fields.value("standby_cluster", false) ? "leader" : "primary";
  const auto moved = word("from") == word("to") ? fmt::format("{} is the {} again", word("to"), role)
                                                : fmt::format("{} has taken over from {}", word("to"), word("from"));
  return with_cause(fmt::format("{}: {} ({}, {:.1f} s without a {})", scope, moved, what, seconds, role), fields);
}

// The fields of an event without those that every event has.
Json own_fields(Json event) {
  for (const char* common : {"id", "time", "type", "text"}) {
    if (event.is_object()) event.erase(common);
  }
  return event;
}

}  // namespace

std::vector<Notice> Notices::look(const Snapshot& snapshot, const Journal& journal, core::Duration repeat_after) {
  news_.clear();
  if (!snapshot.seen.holds_leader_key()) missing_.clear();
  for (const auto& event : journal.since(last_event_)) look_at_event(snapshot, event);
  last_event_ = journal.last_id();
  for (auto& [name, matter] : matters_) matter.stands = false;
  look_at_problems(snapshot);
  look_at_missing(snapshot);
  tell_matters(snapshot, repeat_after);
  loaded_ = snapshot.seen.cluster.loaded;
  return std::exchange(news_, {});
}

void Notices::add(const Snapshot& snapshot, core::WallTime time, const std::string& event, std::string_view severity,
                  std::string text, const Json& fields) {
  const auto& self = snapshot.seen.self;
  Json out = {{"id", fmt::format("{}-{}-{}", self, run_, ++last_notice_)},
              {"scope", snapshot.scope},
              {"told_by", self},
              {"time", wire::format_iso(time)},
              {"event", event},
              {"severity", severity},
              {"text", std::move(text)}};
  out.update(fields);
  news_.push_back({snapshot.seen.now, event, out.dump(-1, ' ', false, Json::error_handler_t::replace)});
}

void Notices::look_at_event(const Snapshot& snapshot, const Event& event) {
  const bool leads = snapshot.seen.holds_leader_key();
  if (event.type != "role" && !(leads && (event.type == "handover" || event.type == "member"))) return;
  auto fields = own_fields(Json::parse(event.json, nullptr, false));
  if (!fields.is_object()) return;
  if (event.type == "role") {
    // The first role is no change: this is the daemon's first observation, or there was no data directory before.
    if (fields["from"].is_null() || fields["from"] == "uninitialized") return;
    const auto text = fmt::format("{} of {} is {}; it was {}", snapshot.seen.self, snapshot.scope,
                                  fields["to"].get<std::string>(), fields["from"].get<std::string>());
    fields["member"] = snapshot.seen.self;
    add(snapshot, event.at, "role", "info", text, fields);
  } else if (event.type == "handover") {
    if (!fields.contains("from")) return;  // the event is about a phase, not about the whole change of the leader
    const bool asked = fields["kind"] != "automatic", done = fields["phase"] == "done";
    fields["outcome"] = fields["phase"];
    const auto text = handover_text(fields, snapshot.scope);
    fields.erase("phase");
    add(snapshot, event.at, "handover", asked && done ? "info" : "warning", text, fields);
  } else {
    const auto member = fields["member"].get<std::string>();
    if (!fields["present"].get<bool>()) {
      missing_.insert(member);
    } else if (missing_.erase(member) == 0 && loaded_ && member != snapshot.seen.self) {
      add(snapshot, event.at, "member", "info", fmt::format("{} is a member of {}", member, snapshot.scope),
          {{"member", member}, {"state", "over"}});
    }
  }
}

void Notices::look_at_problems(const Snapshot& snapshot) {
  for (const auto& problem : snapshot.decision.problems) {
    if (!is_told(problem)) continue;
    auto& matter = matters_[subject(problem)];
    // If the problem was reported, the notice of its end repeats the text of that report.
    if (!matter.told) {
      const bool lease = problem.kind == core::ProblemKind::dcs && snapshot.seen.leader_key_names_us();
      matter.event = lease ? "lease" : "problem";
      matter.kind = core::name(problem.kind);
      matter.text = problem.text;
      matter.member = snapshot.seen.self;
    }
    matter.stands = true;
  }
}

void Notices::look_at_missing(const Snapshot& snapshot) {
  if (!snapshot.seen.holds_leader_key()) {
    // This node no longer leads, so the new leader reports when missing members are back.
    std::erase_if(matters_, [](const auto& one) { return one.second.event == "member"; });
    return;
  }
  for (const auto& name : missing_) {
    auto& matter = matters_["member " + name];
    matter.event = "member";
    matter.member = name;
    matter.stands = true;
  }
}

std::string Notices::text_of(const Matter& matter, const Snapshot& snapshot) {
  const auto& seen = snapshot.seen;
  if (matter.event == "member") {
    return fmt::format("{} of {} is {}", matter.member, snapshot.scope,
                       matter.stands ? "gone: its key in etcd has ended" : "back");
  }
  auto text = fmt::format("{}{} of {}: {}", matter.stands ? "" : "over: ", matter.member, snapshot.scope, matter.text);
  if (matter.event == "lease" && matter.stands && seen.lease.deadline) {
    const auto left = std::max(*seen.lease.deadline - seen.now, core::Duration::zero());
    text += fmt::format("; the lease of this primary ends in {} s", left / std::chrono::seconds(1));
  }
  return text;
}

void Notices::tell_matters(const Snapshot& snapshot, core::Duration repeat_after) {
  const auto& seen = snapshot.seen;
  const auto is_quiet = [&](const Matter& matter) {
    return matter.told_at == core::Instant{} || seen.now - matter.told_at >= repeat_after;
  };
  for (auto& [name, matter] : matters_) {
    if (matter.stands == matter.told || !is_quiet(matter)) continue;
    Json fields = {{"member", matter.member}, {"state", matter.stands ? "began" : "over"}};
    if (!matter.kind.empty()) fields["kind"] = matter.kind;
    const auto severity = !matter.stands ? "info" : matter.event == "lease" ? "critical" : "warning";
    add(snapshot, seen.wall, matter.event, severity, text_of(matter, snapshot), fields);
    matter.told = matter.stands;
    matter.told_at = seen.now;
  }
  std::erase_if(matters_,
                [&](const auto& one) { return !one.second.stands && !one.second.told && is_quiet(one.second); });
}

}  // namespace tamada::api
