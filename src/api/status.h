// What a snapshot tells about this node at an instant: the facts that health checks, /patroni and the metrics share.
#pragma once

#include <string>

#include "api/board.h"

namespace tamada::api {

struct Status {
  std::string state;  // of PostgreSQL; "unknown" when it should answer and does not
  std::string role;
  const core::SqlView* sql = nullptr;  // points into the snapshot; null while the server does not answer
  bool dcs_available = false;          // the cluster's keys are known, and not outdated
  bool cluster_unlocked = false;
  bool leader = false;  // holds the leader key, and is not about to give it away
  bool standby_cluster = false;
  bool pause = false;
  bool sync_standby = false;
  bool quorum_standby = false;
  bool failsafe_active = false;
  bool silent = false;  // the server accepts no new client, even if the daemon's own connection still works

  bool running() const { return state == "running"; }
  core::Lsn replayed() const { return sql && sql->in_recovery ? sql->replay_lsn.value_or(0) : 0; }
  core::Lsn received() const {
    return sql && sql->in_recovery ? sql->receive_lsn.value_or(sql->replay_lsn.value_or(0)) : 0;
  }
};

// The result points into `snapshot`.
Status status_of(const Snapshot& snapshot, core::Instant now);

// The first instant after `now` at which the same snapshot may give another answer to a health check.
core::Instant answers_change_at(const Snapshot& snapshot, core::Instant now);

// The instant at which /liveness begins to answer 503, unless a cycle ends before.
core::Instant liveness_until(const Snapshot& snapshot);

// How a refusal names a job in progress: "reinitialize already in progress".
std::string job_text(core::JobKind kind);

}  // namespace tamada::api
