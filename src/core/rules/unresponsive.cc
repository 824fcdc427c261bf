// A primary that runs but is of no use. Either it answers no new connection, because its postmaster or all of its
// processes hang. Or its commits wait without end for a disk that is stuck.
#include <algorithm>

#include "core/candidate.h"
#include "core/rules/common.h"
#include "core/silence.h"
#include "core/stuck_disk.h"

namespace tamada::core::rules {
namespace {

constexpr Duration heirs_asked_again = 1s;

// Ends the server before the leader key is released, because a server that hangs may write again at any moment.
Decision end_for_another(const Observation& seen, const Memory& memory, const std::string& why) {
  Memory next = memory;
  next.jobs.seen = seen.job.id;
  next.hand_over.why = "failover";
  return warn(next, "ending PostgreSQL so that another member takes over: " + why,
              {StartJob{.kind = JobKind::stop, .stop_mode = StopMode::immediate, .timeout = 2s}});
}

Answer silent(const Observation& seen, const Memory& memory) {
  const auto since = silent_since(seen);
  if (!since || seen.now < *since + seen.settings.ttl) return std::nullopt;
  const auto why = "PostgreSQL has answered no new connection for " + seconds(seen.now - *since) + " s";
  if (failover_possible(seen)) return end_for_another(seen, memory, why);
  Memory next = memory;
  next.jobs.seen = seen.job.id;
  return warn(next, "ending PostgreSQL in order to start it again: " + why,
              {StartJob{.kind = JobKind::stop, .stop_mode = StopMode::immediate, .timeout = 2s}});
}

std::vector<Member> who_may_take_over(const Observation& seen) {
  std::vector<Member> members;
  for (const auto& [member_name, member] : seen.cluster.members) {
    if (member_name == seen.self || member.api_url.empty() || !member.tags.may_be_promoted()) continue;
    if (sync_active(seen) && !is_sync_standby(seen.cluster, member_name)) continue;
    members.push_back(member);
  }
  return members;
}

// Whether the member can take over, by its latest answer.
bool can_take_over(const Observation& seen, const Member& member) {
  const auto it = seen.peers.find(member.name);
  if (it == seen.peers.end() || !it->second.answers_as_standby() || it->second.nofailover) return false;
  if (it->second.disk_stuck) return false;  // this happens if all members use one storage
  return !seen.postgres.sql || !switchover_obstacle(seen, member);
}

// A server with a stuck disk still serves reads, and its next start needs the disk, too. So it is ended only when
// another member answers that can take over and has no stuck disk itself.
Answer stuck(const Observation& seen, const Memory& memory) {
  const auto since = disk_stuck_since(seen, memory);
  if (!since || seen.now < *since + seen.settings.ttl) return std::nullopt;
  const auto members = who_may_take_over(seen);
  if (members.empty()) return std::nullopt;
  const bool asked = seen.peers_asked_at >= *since + seen.settings.ttl &&
                     counts(seen, seen.peers_answered_at, memory.answers.peers_seen, heirs_asked_again);
  if (!asked) return ask(memory, "the disk is stuck: asking which members can take over", {PollPeers{members}});
  const auto able = std::ranges::count_if(members, [&](const Member& one) { return can_take_over(seen, one); });
  if (able == 0 || (sync_active(seen) && able <= seen.cluster.sync->quorum)) return std::nullopt;
  return end_for_another(seen, memory, "its disk has completed no write for " + seconds(seen.now - *since) + " s");
}

}  // namespace

Answer unresponsive(const Observation& seen, const Memory& memory) {
  const auto& settings = seen.settings;
  if (!seen.holds_leader_key() || settings.standby_cluster || settings.pause) return std::nullopt;
  if (settings.primary_unresponsive != PrimaryUnresponsive::failover || !seen.postgres.may_write()) return std::nullopt;
  if (seen.postgres.process == ProcessState::stopping) return std::nullopt;
  if (auto decision = silent(seen, memory)) return decision;
  return stuck(seen, memory);
}

}  // namespace tamada::core::rules
