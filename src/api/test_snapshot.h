// The cluster whose answers were captured from Patroni: n0 leads, n1 and n2 stream from it.
#pragma once

#include <memory>

#include "api/board.h"

namespace tamada::api::test {

using namespace std::chrono_literals;

inline core::Instant at(core::Duration since_boot) { return core::Instant(since_boot); }
inline constexpr core::Duration noon = 1000h;  // the current time of these tests, since boot

inline core::Member member(const std::string& name, int n, const std::string& role) {
  core::Member out;
  out.name = name;
  out.api_url = "http://127.0.0.1:2720" + std::to_string(n) + "/patroni";
  out.state = "running";
  out.role = role;
  return out;
}

inline Snapshot common(const std::string& self) {
  Snapshot out;
  out.scope = "demo";
  out.state = "running";
  out.dcs_last_seen = 1795386324;
  out.cycle_at = at(noon);
  auto& seen = out.seen;
  seen.now = at(noon);
  seen.self = self;
  seen.dcs.ok = true;
  seen.postgres.process = core::ProcessState::running;
  seen.postgres.server_version = 150020;
  seen.postgres.system_identifier = "7711125456257864299";
  seen.cluster.loaded = true;
  seen.cluster.config_json = R"({"ttl":30,"loop_wait":10})";
  seen.cluster.config_revision = 7;
  seen.cluster.leader = core::Leader{"n0", 5, 5, core::LeaseId("100")};
  seen.cluster.members = {
      {"n0", member("n0", 0, "primary")}, {"n1", member("n1", 1, "replica")}, {"n2", member("n2", 2, "replica")}};
  seen.cluster.status = core::Status{.optime = 67109000};
  return out;
}

inline Snapshot leader() {
  auto out = common("n0");
  out.role = "primary";
  out.seen.lease = {.id = core::LeaseId("100"), .ttl = 30s, .deadline = at(noon + 25s)};
  core::SqlView sql;
  sql.timeline = 1;
  sql.wal_lsn = 67109000;
  sql.postmaster_start_time = "2026-11-22 22:25:03.912866+00:00";
  sql.replication = {{"replicator", "n2", "127.0.0.1", "streaming", "sync", 1, std::nullopt, std::nullopt},
                     {"replicator", "n1", "127.0.0.1", "streaming", "async", 0, std::nullopt, std::nullopt}};
  out.seen.postgres.sql = sql;
  return out;
}

inline Snapshot replica(const std::string& self = "n1") {
  auto out = common(self);
  out.role = "replica";
  out.seen.lease = {.id = core::LeaseId("101"), .ttl = 30s, .deadline = at(noon + 25s)};
  core::SqlView sql;
  sql.in_recovery = true;
  sql.timeline = 1;
  sql.receive_lsn = sql.replay_lsn = 67109000;
  sql.wal_lsn = 67109000;
  sql.replay_timestamp = "2026-11-22 22:25:24.493315+00:00";
  sql.replication_state = "streaming";
  sql.postmaster_start_time = "2026-11-22 22:25:06.551890+00:00";
  out.seen.postgres.sql = sql;
  return out;
}

}  // namespace tamada::api::test
