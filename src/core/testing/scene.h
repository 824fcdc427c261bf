// For tests: sets up the facts about a node in a few calls. There are three members a, b and c, and this node is a.
// Everything is healthy unless a call says otherwise.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "core/decide.h"

namespace tamada::core::testing {

inline constexpr Instant noon{std::chrono::hours(12)};
inline const LeaseId our_lease("100"), old_lease("99"), their_lease("200");

struct Scene {
  Observation seen;
  Memory memory;

  Scene() {
    seen.now = noon;
    seen.self = "a";
    seen.settings.api_url = "http://a:8008/patroni";
    seen.settings.conn_url = "postgres://a:5432/postgres";
    seen.settings.use_pg_rewind = true;
    seen.cluster.loaded = true;
    seen.cluster.initialize = "7000000000000000001";
    seen.cluster.config_json = "{}";
    for (const char* member_name : {"a", "b", "c"}) seen.cluster.members[member_name] = member(member_name);
    seen.cluster.members["a"].lease = our_lease;
    seen.dcs = {.ok = true, .last_ok = noon, .ok_since = noon - 1h, .failing_since = {}, .error = {}};
    seen.lease = {
        .id = our_lease, .ttl = 30s, .deadline = noon + 29s, .attempted_at = noon - 1s, .confirmed_at = noon - 1s};
    seen.postgres.data_directory = DataDirectory::valid;
    seen.postgres.server_version = 150000;
    seen.postgres.system_identifier = "7000000000000000001";
    seen.postgres.control = ControlFile{.system_identifier = "7000000000000000001",
                                        .state = ControlState::in_production,
                                        .timeline = 1,
                                        .checkpoint = 900,
                                        .data_checksums = true};
    memory.written.member_at = noon;
    memory.written.status_at = noon;
    memory.callbacks.start_told = true;
  }

  static Member member(const std::string& member_name) {
    Member m;
    m.name = member_name;
    m.host = member_name;
    m.port = "5432";
    m.conn_url = "postgres://" + member_name + ":5432/postgres";
    m.api_url = "http://" + member_name + ":8008/patroni";
    m.state = "running";
    m.role = "replica";
    return m;
  }

  Scene& leader_is(const std::string& member_name, LeaseId lease) {
    seen.cluster.leader = Leader{.name = member_name, .revision = 50, .create_revision = 50, .lease = lease};
    memory.leadership.tenure = 50;
    memory.leadership.unlocked_since.reset();
    return *this;
  }
  Scene& we_lead() { return leader_is("a", our_lease); }
  Scene& b_leads() { return leader_is("b", their_lease); }
  Scene& nobody_leads() {
    seen.cluster.leader.reset();
    memory.leadership.unlocked_since = noon - 1s;
    memory.electorate.members = seen.cluster.members;
    return *this;
  }

  // We won the key `initialize`, and the first member of the cluster is being made.
  Scene& bootstrapping() {
    seen.cluster.initialize = "";
    seen.cluster.initialize_lease = our_lease;
    memory.data.bootstrapping = true;
    return *this;
  }

  Scene& primary(Lsn lsn = 1000, Timeline timeline = 1) {
    seen.postgres.process = ProcessState::running;
    seen.postgres.standby_signal = false;
    seen.postgres.sql = SqlView{.in_recovery = false, .timeline = timeline, .wal_lsn = lsn};
    seen.postgres.sql->slots = {{.name = "b", .restart_lsn = lsn}, {.name = "c", .restart_lsn = lsn}};
    memory.callbacks.role = "primary";
    return *this;
  }
  Scene& standby(Lsn lsn = 1000, Timeline timeline = 1, const std::string& state = "streaming") {
    seen.postgres.process = ProcessState::running;
    seen.postgres.standby_signal = true;
    if (seen.postgres.control) seen.postgres.control->state = ControlState::in_archive_recovery;
    seen.postgres.sql = SqlView{.in_recovery = true, .timeline = timeline, .wal_lsn = lsn, .replication_state = state};
    seen.postgres.sql->slots = {{.name = "b", .restart_lsn = lsn}, {.name = "c", .restart_lsn = lsn}};
    seen.postgres.following =
        Upstream{.member = "b", .conn_url = "postgres://b:5432/postgres", .host = "b", .port = "5432"};
    memory.callbacks.role = "replica";
    return *this;
  }
  // A standby whose stream of WAL has been down for 3 s.
  Scene& silent_standby(Lsn lsn = 1000, Timeline timeline = 1) {
    memory.server.not_streaming_since = noon - 3s;
    return standby(lsn, timeline, "");
  }
  Scene& stopped(ControlState state = ControlState::in_production) {
    seen.postgres.process = ProcessState::stopped;
    seen.postgres.sql.reset();
    seen.postgres.control->state = state;
    return *this;
  }
  Scene& no_data() {
    stopped();
    seen.postgres.data_directory = DataDirectory::absent;
    seen.postgres.system_identifier.clear();
    seen.postgres.control.reset();
    return *this;
  }
  Scene& peer(const std::string& peer_name, bool in_recovery, Lsn lsn, Timeline timeline = 1) {
    seen.peers[peer_name] = PeerView{.name = peer_name,
                                     .reachable = true,
                                     .in_recovery = in_recovery,
                                     .running = true,
                                     .timeline = timeline,
                                     .lsn = lsn};
    seen.peers_asked_at = seen.peers_answered_at = noon;
    return *this;
  }
  Scene& dead_peer(const std::string& peer_name) {
    seen.peers[peer_name] = PeerView{.name = peer_name};
    seen.peers_asked_at = seen.peers_answered_at = noon;
    return *this;
  }
  Scene& job(JobKind kind, JobState state, std::uint64_t id = 7) {
    seen.job = {.kind = kind, .state = state, .id = id, .started_at = noon - 1s, .ended_at = noon};
    seen.job.as_primary = kind == JobKind::promote;
    return *this;
  }
  Scene& dcs_down_since(Duration ago, Duration renewed_ago) {
    seen.dcs = {.ok = false, .last_ok = noon - ago, .ok_since = {}, .failing_since = noon - ago, .error = "no answer"};
    seen.lease.confirmed_at = noon - renewed_ago;
    seen.lease.attempted_at = noon;
    seen.lease.deadline = noon - renewed_ago + 30s;
    return *this;
  }

  Decision decide() const { return core::decide(seen, memory); }
};

// The names of the actions, without those for the lease, the member key and the callbacks, which every decision may
// contain.
inline std::vector<std::string> action_names(const Decision& decision) {
  std::vector<std::string> names;
  for (const auto& action : decision.actions) {
    if (std::holds_alternative<RenewLease>(action) || std::holds_alternative<EnsureLease>(action) ||
        std::holds_alternative<PublishMember>(action) || std::holds_alternative<RunCallback>(action)) {
      continue;
    }
    const auto* job = std::get_if<StartJob>(&action);
    names.push_back(job ? "StartJob " + std::string(name(job->kind)) : std::string(name(action)));
  }
  return names;
}

template <class T>
const T* find(const Decision& decision) {
  for (const auto& action : decision.actions) {
    if (const auto* found = std::get_if<T>(&action)) return found;
  }
  return nullptr;
}

}  // namespace tamada::core::testing
