#include "api/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/json_values.h"
#include "wire/keys.h"
#include "wire/python_json.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;

namespace {

// Removes the numbers, because two reasons that differ only in numbers, such as "297 seconds until timeout" and "298
// seconds", are the same news.
std::string without_numbers(std::string_view text) {
  std::string out;
  std::ranges::copy_if(text, std::back_inserter(out), [](char c) { return c < '0' || c > '9'; });
  return out;
}

std::int64_t whole_milliseconds(core::Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

std::string_view word(core::Severity severity) {
  switch (severity) {
    case core::Severity::debug:
      return "debug";
    case core::Severity::info:
      return "info";
    case core::Severity::warning:
      return "warning";
    case core::Severity::error:
      break;
  }
  return "error";
}

}  // namespace

std::vector<Event> Journal::since(std::uint64_t id) const {
  const auto first = std::ranges::upper_bound(events_, id, {}, &Event::id);
  return {first, events_.end()};
}

void Journal::append_since(std::uint64_t id, std::string& to) const {
  for (auto event = std::ranges::upper_bound(events_, id, {}, &Event::id); event != events_.end(); ++event) {
    if (!to.ends_with('[')) to += ", ";
    to += event->json;
  }
}

void Journal::add(core::WallTime at, std::string type, std::string text, const Json& fields) {
  Json shown = {{"id", ++last_id_}, {"time", wire::format_iso(at)}, {"type", type}, {"text", text}};
  shown.update(fields);
  events_.push_back({last_id_, at, std::move(type), std::move(text), wire::dump_python(shown)});
  if (events_.size() > events_max) events_.pop_front();
}

void Journal::look(const Snapshot& snapshot) {
  look_at_decision(snapshot);
  look_at_job(snapshot);
  look_at_node(snapshot);
  look_at_cluster(snapshot);
  look_at_handover(snapshot);
}

void Journal::look_at_decision(const Snapshot& snapshot) {
  const auto& decision = snapshot.decision;
  const std::string rule(decision.rule);
  ++decisions_[rule];
  // A decision that only asks for facts is not recorded, and a change to its rule does not count.
  if (decision.severity == core::Severity::debug) return;
  const auto shape = without_numbers(decision.reason);
  if (rule == rule_ && shape == reason_shape_) return;
  if (rule != rule_) rule_since_ = snapshot.seen.wall;
  rule_ = rule;
  reason_shape_ = shape;
  add(snapshot.seen.wall, "decision", decision.reason, {{"rule", rule}, {"severity", word(decision.severity)}});
}

void Journal::look_at_node(const Snapshot& snapshot) {
  const auto& seen = snapshot.seen;
  if (snapshot.role != role_) {
    add(seen.wall, "role", fmt::format("role is {}", snapshot.role),
        {{"from", text_or_null(role_)}, {"to", snapshot.role}});
    role_ = snapshot.role;
  }
  if (snapshot.state != state_) {
    add(seen.wall, "state", fmt::format("PostgreSQL is {}", snapshot.state),
        {{"from", text_or_null(state_)}, {"to", snapshot.state}});
    state_ = snapshot.state;
  }
  const auto timeline = seen.postgres.sql ? seen.postgres.sql->timeline : 0;
  if (timeline != 0 && timeline != timeline_) {
    if (timeline_ != 0) {
      add(seen.wall, "timeline", fmt::format("timeline is {}", timeline), {{"from", timeline_}, {"to", timeline}});
    }
    timeline_ = timeline;
  }
}

void Journal::look_at_cluster(const Snapshot& snapshot) {
  const auto& seen = snapshot.seen;
  if (!seen.cluster.loaded) return;
  const auto leader = seen.cluster.unlocked() ? std::string() : seen.cluster.leader->name;
  if (leader != leader_) {
    add(seen.wall, "leader", leader.empty() ? "nobody holds the leader key" : leader + " holds the leader key",
        {{"from", text_or_null(leader_)}, {"to", text_or_null(leader)}});
    leader_ = leader;
  }
  if (seen.settings.pause != pause_) {
    pause_ = seen.settings.pause;
    add(seen.wall, "pause", pause_ ? "the cluster is paused" : "the cluster is no longer paused", {{"pause", pause_}});
  }
  for (const auto& [member, record] : seen.cluster.members) {
    if (members_.emplace(member, true).second)
      add(seen.wall, "member", member + " is a member", {{"member", member}, {"present", true}});
  }
  std::erase_if(members_, [&](const auto& known) {
    if (seen.cluster.member(known.first)) return false;
    add(seen.wall, "member", known.first + " is gone", {{"member", known.first}, {"present", false}});
    return true;
  });
}

void Journal::look_at_job(const Snapshot& snapshot) {
  const auto& seen = snapshot.seen;
  const auto& job = seen.job;
  if (job.id == 0 || (job.id == job_.id && job.state == job_.state)) return;
  const std::string kind(core::name(job.kind));
  if (job.running()) {
    add(seen.wall, "job", kind + " began", {{"job", kind}, {"state", "running"}});
  } else {
    const bool good = job.state == core::JobState::succeeded;
    const auto took = whole_milliseconds(job.ended_at - job.started_at);
    Json fields = {{"job", kind}, {"state", good ? "succeeded" : "failed"}, {"ms", took}};
    if (!good) fields["error"] = job.error;
    add(seen.wall, "job",
        good ? fmt::format("{} took {} ms", kind, took)
             : fmt::format("{} failed after {} ms: {}", kind, took, job.error),
        fields);
  }
  job_ = job;
}

void Journal::look_at_handover(const Snapshot& snapshot) {
  const auto before = handover_;
  handovers_.look(snapshot, handover_);
  if (!handover_) return;
  const auto& now = *handover_;
  const bool fresh = !before || before->began != now.began;
  const auto ended_before = [&](std::size_t i) {
    return !fresh && i < before->phases.size() && before->phases[i].ended;
  };
  for (std::size_t i = 0; i < now.phases.size(); ++i) {
    const auto& phase = now.phases[i];
    if (!phase.ended || ended_before(i)) continue;
    const auto took = whole_milliseconds(*phase.ended - phase.began);
    add(snapshot.seen.wall, "handover", fmt::format("{}: {} took {} ms", now.kind, phase.name, took),
        {{"kind", now.kind}, {"phase", phase.name}, {"ms", took}});
  }
  if (now.state == Handover::State::running || (!fresh && before->state == now.state)) return;
  ++handovers_by_outcome_[{now.kind, std::string(name(now.state))}];
  if (now.state == Handover::State::done) last_done_ = now;
  const auto took = whole_milliseconds(now.ended - now.began);
  Json fields = {{"kind", now.kind},
                 {"phase", name(now.state)},
                 {"ms", took},
                 {"from", text_or_null(now.from)},
                 {"to", text_or_null(now.to)}};
  if (!now.cause.empty()) fields["cause"] = now.cause;
  if (now.state == Handover::State::done) {
    fields["outage_ms"] = whole_milliseconds(now.outage());
    if (now.standby_cluster) fields["standby_cluster"] = true;
    const auto* what = now.standby_cluster ? "leads the standby cluster" : "is the primary";
    add(snapshot.seen.wall, "handover", fmt::format("{}: {} {} after {} ms", now.kind, now.to, what, took), fields);
  } else {
    fields["reason"] = now.reason;
    add(snapshot.seen.wall, "handover", fmt::format("{} failed: {}", now.kind, now.reason), fields);
  }
}

}  // namespace tamada::api
