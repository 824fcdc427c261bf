#include "api/status.h"

#include <algorithm>

#include "core/failsafe.h"
#include "core/silence.h"
#include "core/sync.h"
#include "wire/cluster_json.h"

namespace tamada::api {
namespace {

// Patroni keeps the last view of the cluster while it retries a failing DCS, and drops it when retry_timeout is over.
core::Instant dcs_view_until(const core::Observation& seen) {
  return seen.dcs.ok ? core::Instant::max() : seen.dcs.failing_since + seen.settings.retry_timeout;
}

bool holds_leader_key(const core::Observation& seen, core::Instant now) {
  return seen.cluster.leader && seen.cluster.leader->name == seen.self && seen.lease.id &&
         seen.cluster.leader->lease == seen.lease.id && seen.lease.deadline && now < *seen.lease.deadline;
}

// Whether failsafe mode is active, for a ttl as in Patroni: on the primary, because the members agreed; on a standby,
// because this node agreed.
bool failsafe_is_active(const core::Observation& seen, core::Instant now) {
  const auto& failsafe = seen.failsafe;
  const bool ours = failsafe.confirmed_at != core::Instant{} && !seen.dcs.ok && seen.postgres.running_primary();
  const bool others = failsafe.told_at != core::Instant{} && !seen.postgres.running_primary();
  const auto since =
      std::max(ours ? failsafe.confirmed_at : core::Instant{}, others ? failsafe.told_at : core::Instant{});
  return seen.settings.failsafe_mode && (ours || others) && now < since + seen.settings.ttl;
}

}  // namespace

std::string job_text(core::JobKind kind) {
  switch (kind) {
    case core::JobKind::bootstrap:
      return "bootstrap";
    case core::JobKind::basebackup:
      return "reinitialize";
    case core::JobKind::promote:
      return "promote";
    case core::JobKind::rewind:
      return "pg_rewind";
    case core::JobKind::stop:
      return "stop";
    case core::JobKind::start:
    case core::JobKind::copy_slots:
    case core::JobKind::none:
      break;
  }
  return "restart";
}

core::Instant liveness_until(const Snapshot& snapshot) {
  const auto& seen = snapshot.seen;
  const bool primary = snapshot.role == "primary" && seen.postgres.has_postmaster();
  return snapshot.cycle_at + seen.settings.ttl * (primary ? 1 : 2);
}

Status status_of(const Snapshot& snapshot, core::Instant now) {
  const auto& seen = snapshot.seen;
  const auto& cluster = seen.cluster;
  const auto modes = wire::cluster_modes(cluster);
  Status out;
  out.state = snapshot.state;
  out.role = snapshot.role;
  out.standby_cluster = modes.standby_cluster;
  out.pause = cluster.config_json ? modes.paused : seen.settings.pause;
  out.dcs_available = cluster.loaded && now < dcs_view_until(seen);
  out.cluster_unlocked = !out.dcs_available || cluster.unlocked();
  // A server that is being stopped is not the primary, nor is one that was started as a standby because the DCS was
  // lost.
  const bool stopping = seen.job.running() && seen.job.kind == core::JobKind::stop;
  const bool given_up = !seen.dcs.ok && !seen.postgres.running_primary();
  out.failsafe_active = failsafe_is_active(seen, now);
  out.silent = core::silent_since(seen).has_value();
  out.leader = (holds_leader_key(seen, now) || core::leads_by_failsafe(seen, now)) &&
               !snapshot.decision.memory.hand_over.under_way() && !stopping && !given_up;

  const bool answers = out.state == "running" || out.state == "restarting" || out.state == "starting";
  if (answers && seen.postgres.sql) {
    out.sql = &*seen.postgres.sql;
    if (!out.sql->in_recovery) {
      out.role = "primary";
    } else if (!out.standby_cluster || out.role.empty()) {
      out.role = "replica";
    }
  } else if (out.running()) {
    out.state = "unknown";
  }
  if (out.sql && out.role == "replica" && modes.synchronous && out.dcs_available &&
      core::is_sync_standby(cluster, seen.self)) {
    (modes.quorum ? out.quorum_standby : out.sync_standby) = true;
  }
  return out;
}

core::Instant answers_change_at(const Snapshot& snapshot, core::Instant now) {
  auto first = core::Instant::max();
  const auto consider = [&](core::Instant at) {
    if (at > now) first = std::min(first, at);
  };
  if (snapshot.seen.lease.deadline) consider(*snapshot.seen.lease.deadline);
  consider(dcs_view_until(snapshot.seen));
  if (const auto until = core::failsafe_until(snapshot.seen)) consider(*until);
  const auto& failsafe = snapshot.seen.failsafe;
  if (failsafe.confirmed_at != core::Instant{}) consider(failsafe.confirmed_at + core::consent_length(snapshot.seen));
  if (failsafe.told_at != core::Instant{}) consider(core::consent_ends_at(snapshot.seen));
  consider(liveness_until(snapshot));
  return first;
}

}  // namespace tamada::api
