// A member without data copies a running cluster; a member with data does so after `reinitialize`. Data that the copy
// replaces are set aside before, never deleted.
#include "core/rules/common.h"

namespace tamada::core::rules {
namespace {

// The member to copy from. Source: Patroni's tag clonefrom: any member that has it is used, to spare the leader.
const Member* clone_source(const Observation& seen, const Memory& memory) {
  if (memory.data.copy_from_leader) return seen.cluster.leader_member();
  const bool leader_only = seen.job.kind == JobKind::basebackup && seen.job.state == JobState::failed;
  if (leader_only) return seen.cluster.leader_member();
  const auto* upstream = seen.cluster.member(seen.settings.tags.replicatefrom);
  if (upstream && upstream->name != seen.self && upstream->running()) return upstream;
  std::vector<const Member*> sources;
  for (const auto& [member_name, member] : seen.cluster.members) {
    const bool leads = seen.cluster.leader && seen.cluster.leader->name == member_name;
    if (member_name != seen.self && !leads && member.tags.clonefrom && member.running()) sources.push_back(&member);
  }
  if (sources.empty()) return seen.cluster.leader_member();
  // The clock serves as a random number, which is enough to spread the load.
  const auto chance = static_cast<std::uint64_t>(seen.now.time_since_epoch().count() / 1000);
  return sources[chance % sources.size()];
}

// The methods of the copy, in Patroni's order of precedence. `reinit --from-leader` uses pg_basebackup, whatever is
// configured.
std::vector<std::string> methods(const Observation& seen, const Memory& memory) {
  if (memory.data.copy_from_leader) return {"basebackup"};
  return replica_methods(seen.settings);
}

Decision copy(const Observation& seen, const Memory& memory) {
  Memory next = memory;
  if (job_failed(seen, memory.jobs, JobKind::basebackup)) {
    note_failure(next.jobs, seen, JobKind::basebackup);
    next.jobs.seen = seen.job.id;
  }
  if (in_backoff(seen, next.jobs, JobKind::basebackup)) {
    auto decision = warn(next, tried_again(seen, next.jobs, JobKind::basebackup, "the copy"));
    decision.wake_at = next.jobs.backoff[JobKind::basebackup].not_before;
    return decision;
  }
  if (seen.cluster.unlocked()) {
    if (!seen.settings.replica_without_leader) return say(next, "waiting for a leader to copy the cluster from");
    next.jobs.seen = seen.job.id;
    return say(next, "trying to bootstrap (without leader)",
               {StartJob{.kind = JobKind::basebackup, .replica_methods = methods(seen, memory)}});
  }
  if (seen.leader_key_names_us()) {
    next.jobs.seen = seen.job.id;
    const auto remote = remote_upstream(*seen.settings.standby_cluster);
    return say(next, "copying the remote server anew",
               {StartJob{.kind = JobKind::basebackup, .upstream = remote, .replica_methods = methods(seen, memory)}});
  }
  const auto* source = clone_source(seen, memory);
  if (!source || source->conn_url.empty()) return say(next, "waiting for the leader to publish its address");
  next.jobs.seen = seen.job.id;
  const bool is_leader = seen.cluster.leader && source->name == seen.cluster.leader->name;
  return say(
      next, std::string("trying to bootstrap from ") + (is_leader ? "leader" : "replica") + " '" + source->name + "'",
      {StartJob{
          .kind = JobKind::basebackup, .upstream = upstream_to(*source), .replica_methods = methods(seen, memory)}});
}

}  // namespace

Answer create_replica(const Observation& seen, const Memory& memory) {
  if (seen.postgres.data_directory == DataDirectory::valid) return std::nullopt;
  if (memory.data.copy_from_remote && may_copy_remote_server(seen)) return copy(seen, memory);
  if (seen.leader_key_is_stale()) return take_over_own_key(seen, memory);  // only a key on our lease can be released
  if (seen.leader_key_names_us()) {
    return warn(memory, "released leader key voluntarily as data dir empty and currently leader", {ReleaseLeader{}});
  }
  return copy(seen, memory);
}

Answer reinitialize(const Observation& seen, const Memory& memory) {
  if (!seen.requests.reinitialize) return std::nullopt;
  const bool remote = may_copy_remote_server(seen);
  if (seen.cluster.unlocked() || (seen.holds_leader_key() && !remote)) {
    return warn(memory, "reinitialize refused: there is no leader to copy from, or this node is it",
                {ForgetRequests{}});
  }
  if (seen.postgres.has_postmaster()) {
    return say(memory, "reinitialize: stopping PostgreSQL",
               {StartJob{.kind = JobKind::stop, .stop_mode = StopMode::immediate, .timeout = 30s}});
  }
  Actions actions;
  const auto data = seen.postgres.data_directory;
  if (data == DataDirectory::valid || data == DataDirectory::half_rewound) {
    actions.push_back(SetAside{.reason = "reinitialize"});
  }
  actions.push_back(ForgetRequests{});
  Memory next = memory;
  next.restarting = Restarting{.after_job = seen.job.id};
  next.jobs.backoff.clear();
  next.data.copy_from_leader = !remote && seen.requests.reinitialize_from_leader;
  next.data.copy_from_remote = remote;
  return say(next, "reinitialize: the data directory is set aside", std::move(actions));
}

}  // namespace tamada::core::rules
