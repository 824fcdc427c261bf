#include "api/handover.h"

#include <algorithm>

#include "core/presentation.h"

namespace tamada::api {
namespace {

Phase& phase(Handover& handover, std::string_view name, core::Instant began) {
  const auto it = std::ranges::find(handover.phases, name, &Phase::name);
  if (it != handover.phases.end()) return *it;
  return handover.phases.emplace_back(Phase{std::string(name), began, std::nullopt});
}

bool has_phase(const Handover& handover, std::string_view name) {
  return std::ranges::find(handover.phases, name, &Phase::name) != handover.phases.end();
}

void end_open_phases(Handover& handover, core::Instant at) {
  for (auto& one : handover.phases) {
    if (!one.ended) one.ended = at;
  }
}

// Takes the times of the stop on the old leader itself, as the job noted them.
void look_at_stop(const core::Observation& seen, Handover& handover) {
  const auto& job = seen.job;
  const bool ended = !job.running();
  const bool checkpointing = job.step == "checkpoint";
  const auto stop_began = checkpointing || job.step.empty() ? job.ended_at : job.step_since;
  if (checkpointing || job.step_since > job.started_at) {
    auto& checkpoint = phase(handover, "checkpoint", job.started_at);
    if (!checkpointing || ended) checkpoint.ended = stop_began;
    if (checkpointing && !ended) return;
  }
  auto& stop = phase(handover, "stop", stop_began);
  handover.outage_began = stop.began;
  if (stop.ended) return;  // the leader key was released before the last processes ended
  if (ended) stop.ended = job.ended_at;
  stop.waits_for = !ended && seen.postgres.shut_down() ? core::shutdown_waits_for(seen.postgres) : "";
}

// The leader of a standby cluster runs as a standby, too.
bool leads_standby_cluster(const Snapshot& snapshot, const std::string& member) {
  const auto& seen = snapshot.seen;
  if (member == seen.self) return snapshot.role == "standby_leader" && seen.postgres.running_standby();
  const auto* record = seen.cluster.member(member);
  return record && record->role == "standby_leader" && record->running();
}

bool is_primary(const Snapshot& snapshot, const std::string& member) {
  if (member == snapshot.seen.self) return snapshot.seen.postgres.running_primary();
  const auto* record = snapshot.seen.cluster.member(member);
  return record && record->is_primary_role() && record->running();
}

bool asks_for_something(const core::FailoverRequest& request, core::WallTime now) {
  return !(request.leader.empty() && request.candidate.empty()) &&
         (!request.scheduled_at || *request.scheduled_at <= now);
}

}  // namespace

std::string_view name(Handover::State state) {
  switch (state) {
    case Handover::State::running:
      return "running";
    case Handover::State::done:
      return "done";
    case Handover::State::failed:
      break;
  }
  return "failed";
}

void HandoverWatch::begin(const Snapshot& snapshot, std::optional<Handover>& current, std::string kind) {
  current.emplace();
  current->kind = std::move(kind);
  current->from = leader_;
  current->began_wall = snapshot.seen.wall;
  current->began = snapshot.seen.now;
  current->outage_began = lost_.value_or(snapshot.seen.now);
  if (current->kind == "automatic") current->cause = cause(snapshot);
}

// The leader key and the member key hang on one lease: if both are gone, either the lease has ended, or the member has
// released both in an orderly stop, which its member key told before.
std::string HandoverWatch::cause(const Snapshot& snapshot) const {
  if (leader_ == snapshot.seen.self) return snapshot.decision.reason;
  const auto* record = snapshot.seen.cluster.member(leader_);
  if (!record && (leader_state_.empty() || leader_state_ == "running")) {
    return leader_ + " no longer renews its lease: its daemon, its host or its network has failed";
  }
  auto text = leader_ + " gave up the leader key: its PostgreSQL is " + (record ? record->state : leader_state_);
  if (record && !record->trouble.empty()) text += "; " + record->trouble;
  return text;
}

// Notes since when the leader does not run as the primary. The keys tell the present state, but the stream of our own
// server may have broken at any time since the last look. So the reported outage may be too long, but never too short.
void HandoverWatch::watch_primary(const Snapshot& snapshot) {
  const auto& seen = snapshot.seen;
  const auto& sql = seen.postgres.sql;
  const auto* record = seen.cluster.member(leader_);
  if (record) leader_state_ = record->state;
  const bool by_keys = !seen.cluster.unlocked() && (!record || record->running());
  const bool by_server = leader_ == seen.self
                             ? is_primary(snapshot, leader_) || leads_standby_cluster(snapshot, leader_)
                             : !sql || !sql->in_recovery || sql->replication_state == "streaming";
  if (by_keys && by_server) {
    primary_seen_ = seen.now;
    lost_.reset();
  } else if (!lost_) {
    lost_ = by_keys && primary_seen_ != core::Instant{} ? primary_seen_ : seen.now;
  }
}

void HandoverWatch::look(const Snapshot& snapshot, std::optional<Handover>& current) {
  const auto& seen = snapshot.seen;
  const auto& cluster = seen.cluster;
  if (!cluster.loaded || !seen.dcs.ok) return;
  if (leader_.empty() && !cluster.unlocked()) leader_ = cluster.leader->name;
  if (!leader_.empty()) watch_primary(snapshot);
  const bool running = current && current->state == Handover::State::running;
  const auto& request = cluster.failover;
  if (request && request->revision != request_ && asks_for_something(*request, seen.wall)) {
    request_ = request->revision;
    if (!running && !leader_.empty()) {
      begin(snapshot, current, request->is_switchover() ? "switchover" : "failover");
      current->to = request->candidate;
    }
  }
  const bool moved = cluster.unlocked() || cluster.leader->name != leader_;
  if (moved && !leader_.empty() && !(current && current->state == Handover::State::running)) {
    begin(snapshot, current, "automatic");
  }
  if (current && current->state == Handover::State::running) advance(snapshot, *current);
  if (!cluster.unlocked() && cluster.leader->name != leader_) {
    leader_ = cluster.leader->name;
    leader_state_.clear();
  }
}

void HandoverWatch::advance(const Snapshot& snapshot, Handover& current) const {
  const auto& seen = snapshot.seen;
  const auto& cluster = seen.cluster;
  const bool ours = seen.self == current.from;
  if (ours && seen.job.kind == core::JobKind::stop && seen.job.started_at >= current.began) look_at_stop(seen, current);
  const auto& decision = snapshot.decision;
  if (ours && (decision.rule == "switchover" || decision.rule == "hand_over" || decision.rule == "shut_down"))
    current.reason = decision.reason;

  if (cluster.unlocked()) {
    if (!has_phase(current, "hand-over")) end_open_phases(current, seen.now);
    auto& given = phase(current, "hand-over", seen.now);
    if (current.phases.size() > 1) given.began = current.phases[current.phases.size() - 2].ended.value_or(seen.now);
    return;
  }
  const auto& holder = cluster.leader->name;
  const bool came_back = holder == current.from && current.kind == "automatic";
  if (holder != current.from || came_back || has_phase(current, "promote")) {
    current.to = holder;
    // The moment without a leader key may have passed between two publications.
    phase(current, "hand-over", current.phases.empty() ? seen.now : current.phases.back().ended.value_or(seen.now));
    if (!has_phase(current, "promote")) {
      end_open_phases(current, seen.now);
      phase(current, "promote", seen.now);
    }
    current.standby_cluster = leads_standby_cluster(snapshot, holder);
    if (!current.standby_cluster && !is_primary(snapshot, holder)) return;
    end_open_phases(current, seen.now);
    current.ended = seen.now;
    current.state = Handover::State::done;
    current.reason.clear();
    return;
  }
  // The leader is the same as before: it has taken the key again, or it never released the key and dropped the request.
  const bool asked = cluster.failover && asks_for_something(*cluster.failover, seen.wall);
  const bool busy = seen.job.running() || snapshot.decision.memory.hand_over.under_way();
  if (asked || (ours && busy)) return;
  end_open_phases(current, seen.now);
  current.ended = seen.now;
  current.state = Handover::State::failed;
}

}  // namespace tamada::api
