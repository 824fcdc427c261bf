// No cluster exists yet: one member wins the key `initialize` and runs initdb. The empty key hangs on the winner's
// lease, so that a winner that dies does not block the cluster for ever.
#include "core/rules/common.h"

namespace tamada::core::rules {
namespace {

Decision finish(const Observation& seen, const Memory& memory) {
  Memory next = memory;
  next.data.bootstrapping = false;
  next.jobs.seen = seen.job.id;
  return say(next, seen.settings.standby_cluster ? "initialized a new standby cluster" : "initialized a new cluster",
             {WriteInitialize{seen.postgres.system_identifier}, WriteConfig{}, AcquireLeader{}});
}

Decision give_up(const Observation& seen, const Memory& memory) {
  Actions actions;
  if (seen.postgres.has_postmaster()) {
    return say(memory, "stopping PostgreSQL after a failed bootstrap",
               {StartJob{.kind = JobKind::stop, .stop_mode = StopMode::immediate, .timeout = 10s}});
  }
  if (seen.postgres.data_directory != DataDirectory::absent)
    actions.push_back(SetAside{.reason = "bootstrap failed", .superseded = false});
  actions.push_back(CancelInitialize{});
  actions.push_back(RevokeLease{});
  actions.push_back(Exit{1});
  auto decision = warn(memory,
                       "Failed to bootstrap cluster: removing initialize key after failed attempt to bootstrap "
                       "the cluster",
                       std::move(actions));
  decision.severity = Severity::error;
  return decision;
}

// The description of an existing cluster of which only the keys are gone; nullopt when none is known. A new cluster
// under the same name would shut out the members of the old one when they return.
std::optional<std::string> whose_keys_are_gone(const Observation& seen, const Memory& memory) {
  if (!memory.leadership.last_leader.empty()) return "the cluster of " + memory.leadership.last_leader;
  if (memory.leadership.tenure != 0) return "a cluster that had a leader before";
  for (const auto& [member_name, member] : seen.cluster.members) {
    if (member_name != seen.self && member.running()) return "the cluster of " + member_name;
  }
  if (seen.postgres.copy_follows) return "the cluster that this node was going to copy";
  return std::nullopt;
}

}  // namespace

Answer bootstrap(const Observation& seen, const Memory& memory) {
  const auto& cluster = seen.cluster;
  if (memory.data.bootstrapping) {
    // The first member of a standby cluster has a copy, not a primary; `rejoin` starts it.
    const bool copied = seen.job.kind == JobKind::basebackup && seen.job.id > memory.jobs.seen &&
                        seen.job.state == JobState::succeeded && !seen.postgres.system_identifier.empty();
    if (seen.settings.standby_cluster && copied) return finish(seen, memory);
    if (seen.job.kind == JobKind::bootstrap && seen.job.state == JobState::succeeded) {
      if (seen.postgres.system_identifier.empty() || !seen.postgres.running_primary()) {
        return say(memory, "waiting for the new cluster to answer");
      }
      return finish(seen, memory);
    }
    if (seen.job.id > memory.jobs.seen && !seen.job.running()) return give_up(seen, memory);
    if (!cluster.initialize) {
      Memory next = memory;
      next.data.bootstrapping = false;
      return warn(next, "lost the initialize key before the bootstrap began");
    }
    if (cluster.initialize_lease != seen.lease.id) {
      Memory next = memory;
      next.data.bootstrapping = false;
      return say(next, "waiting for leader to bootstrap");
    }
    if (const auto& standby = seen.settings.standby_cluster) {
      return say(memory, "trying to bootstrap a new standby leader",
                 {StartJob{.kind = JobKind::basebackup,
                           .upstream = remote_upstream(*standby),
                           .replica_methods = replica_methods(seen.settings)}});
    }
    return say(memory, "trying to bootstrap a new cluster", {StartJob{.kind = JobKind::bootstrap}});
  }
  const bool fresh = seen.postgres.data_directory == DataDirectory::absent ||
                     seen.postgres.data_directory == DataDirectory::incomplete;
  if (!fresh || !cluster.unlocked()) return std::nullopt;
  if (cluster.initialize) {
    if (cluster.initialize->empty()) return say(memory, "waiting for leader to bootstrap");
    if (seen.settings.replica_without_leader) return std::nullopt;
    return say(memory, "waiting for a leader to copy the cluster from");
  }
  if (!seen.settings.may_bootstrap || !seen.settings.tags.may_be_promoted()) {
    if (seen.settings.replica_without_leader) return std::nullopt;
    return say(memory, std::string("waiting for leader to bootstrap: this node ") +
                           (seen.settings.may_bootstrap ? "is tagged as nofailover" : "has no section bootstrap"));
  }
  if (const auto whose = whose_keys_are_gone(seen, memory)) {
    return warn(memory, "waiting for " + *whose + " to come back: its keys are gone, and this node has no data of it");
  }
  if (!seen.lease_alive()) return say(memory, "waiting for a lease");
  Memory next = memory;
  next.data.bootstrapping = true;
  next.jobs.seen = seen.job.id;
  return say(next, "trying to bootstrap a new cluster", {RaceInitialize{}});
}

}  // namespace tamada::core::rules
