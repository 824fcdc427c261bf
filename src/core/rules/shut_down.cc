// A stopped primary has written its shutdown checkpoint, and its processes then wait for archive_command, which may
// hang or have hours of WAL to archive, or for standbys that still receive its WAL. It takes no writes any more, so the
// leader key need not wait for the end of the processes. Patroni, too, releases the key then, when a member has all of
// the WAL.
#include <algorithm>

#include "core/candidate.h"
#include "core/presentation.h"
#include "core/rules/common.h"

namespace tamada::core::rules {
namespace {

// The processes usually end within this time after the checkpoint, so members are asked only after it.
constexpr Duration usual_end = 1s;
constexpr Duration poll_again = 1s;

// The members that may be promoted instead of this node.
std::vector<Member> heirs(const Observation& seen) {
  const auto& request = seen.cluster.failover;
  const std::string named = request && !request->scheduled_at ? request->candidate : "";
  const bool by_hand = request && !named.empty() && !request->is_switchover();
  std::vector<Member> members;
  for (const auto& [member_name, member] : seen.cluster.members) {
    if (member_name == seen.self || member.api_url.empty() || !member.tags.may_be_promoted()) continue;
    if (sync_active(seen) && !by_hand && !is_sync_standby(seen.cluster, member_name)) continue;
    if (named.empty() || named == member_name) members.push_back(member);
  }
  return members;
}

// Whether the member has the shutdown checkpoint. It is the last record, and no other record begins at its position.
bool has_all(const Observation& seen, const Member& member) {
  const auto it = seen.peers.find(member.name);
  if (it == seen.peers.end()) return false;
  const auto& peer = it->second;
  return peer.answers_as_standby() && !peer.nofailover && peer.timeline == seen.postgres.control->timeline &&
         peer.lsn > seen.postgres.control->checkpoint;
}

// No member can or should take over, so the processes are killed. They do their remaining work, such as archiving,
// after the next start.
Decision end_processes(const Observation& seen, const Memory& memory, const std::string& why) {
  Memory next = memory;
  const bool at_once = seen.job.immediate_at && *seen.job.immediate_at <= seen.now;
  if (seen.job.running() && at_once) return warn(next, why + ": ending its processes");
  if (seen.job.running()) {
    auto decision = warn(next, why + ": ending its processes", {CancelJob{}});
    decision.wake_at = seen.now;
    return decision;
  }
  Actions actions;
  if (next.hand_over.under_way() && seen.cluster.failover) {
    actions.push_back(ClearFailover{seen.cluster.failover->revision});
  }
  next.hand_over.why.clear();
  next.jobs.seen = seen.job.id;
  actions.push_back(StartJob{.kind = JobKind::stop, .stop_mode = StopMode::immediate, .timeout = 5s});
  return warn(next, why + ": ending its processes", std::move(actions));
}

Decision wait_until(const Memory& memory, std::string reason, Instant until) {
  auto decision = say(memory, std::move(reason));
  decision.wake_at = until;
  return decision;
}

}  // namespace

Answer shut_down(const Observation& seen, const Memory& memory) {
  if (!seen.postgres.shut_down() || !seen.holds_leader_key() || !seen.dcs.ok || memory.data.bootstrapping) {
    return std::nullopt;
  }
  if (seen.settings.standby_cluster || (seen.job.running() && seen.job.kind != JobKind::stop)) return std::nullopt;
  // A server that an operator stopped in pause is left alone.
  if (seen.settings.pause && !memory.hand_over.under_way() && !memory.restarting) return std::nullopt;
  const std::string waits = shutdown_waits_for(seen.postgres);
  const auto since = memory.server.shut_down_since.value_or(seen.now);
  if (seen.now - since < usual_end) return std::nullopt;
  // The processes are being killed because no member took over in time. The leader goes on, even if a candidate appears
  // now.
  const bool at_once = seen.job.running() && seen.job.immediate_at && *seen.job.immediate_at <= seen.now;
  if (at_once && !memory.hand_over.under_way() && !seen.requests.shutdown)
    return say(memory, waits + ": ending its processes");
  if (memory.restarting) {
    const auto until = since + seen.settings.retry_timeout;
    if (seen.now >= until) return end_processes(seen, memory, "restart: " + waits);
    return wait_until(memory, "restart: " + waits, until);
  }
  const std::string what = memory.hand_over.under_way() ? memory.hand_over.why
                           : seen.requests.shutdown     ? "shutdown"
                                                        : "stopped";
  const auto members = heirs(seen);
  const bool asked =
      seen.peers_asked_at >= since && counts(seen, seen.peers_answered_at, memory.answers.peers_seen, poll_again);
  if (!members.empty() && !asked) {
    return ask(memory, what + ": asking the candidates whether they have all WAL", {PollPeers{members}});
  }
  std::string names;
  int count = 0;
  for (const auto& member : members) {
    if (!has_all(seen, member)) continue;
    names += (names.empty() ? "" : ", ") + member.name;
    ++count;
  }
  if (count == 0) {
    const auto until = since + seen.settings.ttl;
    const std::string nobody = what + ": " + waits + ", and no member that may take over has all of its WAL";
    if (seen.now >= until) return end_processes(seen, memory, nobody);
    return wait_until(memory, nobody, std::min(until, seen.now + poll_again));
  }
  Memory next = memory;
  next.hand_over.why.clear();
  next.race.gave_up_at = seen.now;
  next.callbacks.role = "demoted";
  return say(next,
             what + ": " + waits + "; the leader key is free: " + names + (count == 1 ? " has" : " have") + " all WAL",
             release_after_stop(seen));
}

}  // namespace tamada::core::rules
