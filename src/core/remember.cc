#include "core/remember.h"

#include <algorithm>

#include "core/lost_keys.h"
#include "core/sync.h"

namespace tamada::core {
namespace {

void remember_members(const Observation& seen, const Memory::Leadership& leadership, Memory::Electorate& electorate) {
  if (!seen.cluster.unlocked()) {
    // After all keys were deleted, the members need a moment to write theirs again. The key of a member that is gone
    // for good ends within a ttl.
    const bool all_told = seen.cluster.leader->create_revision == leadership.tenure &&
                          seen.now - leadership.tenure_since >= seen.settings.ttl;
    if (all_told) electorate.members.clear();
    note_membership(seen, electorate);
  }
  for (const auto& [member_name, member] : seen.cluster.members) electorate.members[member_name] = member;
}

// Returns whether another tenure has begun.
bool remember_leader_key(const Observation& seen, Memory::Leadership& leadership) {
  if (!seen.cluster.unlocked()) {
    leadership.unlocked_since.reset();
    // If the leader key has our name but another lease, a previous run of the daemon wrote it, or our view of it is
    // outdated. It does not show who has led since.
    leadership.last_leader = seen.leader_key_is_stale() ? "" : seen.cluster.leader->name;
    if (seen.cluster.leader->create_revision == leadership.tenure) return false;
    leadership.tenure = seen.cluster.leader->create_revision;
    leadership.tenure_since = seen.now;
    return true;
  }
  const auto marks = seen.cluster.leader_marks();
  if (leadership.unlocked_since && leadership.unlocked_marks == marks) return false;
  if (leadership.unlocked_since) leadership.last_leader.clear();  // a leader came and went unseen
  leadership.unlocked_since = seen.now;
  leadership.unlocked_marks = marks;
  return false;
}

// There is another leader now, so operations that have failed so far may succeed.
void begin_tenure(const Observation& seen, Memory& memory) {
  memory.rewind.done = false;
  memory.rewind.failed = false;
  memory.written.history_at = {};
  // Failed jobs are forgotten because the upstream is another one. If this node is the new leader, failed starts are
  // still counted, because the server that failed is the same. Under another leader a start that failed is tried again
  // at once, and its problem is told until then.
  const bool ours = seen.cluster.leader->name == seen.self;
  std::erase_if(memory.jobs.backoff, [&](const auto& one) {
    return one.first != JobKind::start || (!ours && one.second.error == ended_soon_after_start);
  });
  const auto start = memory.jobs.backoff.find(JobKind::start);
  if (ours || start == memory.jobs.backoff.end()) return;
  start->second.failures = std::min(start->second.failures, 1);
  start->second.not_before = seen.now;
}

// Notes what the members' answers, or their silence, tell about who leads.
void remember_other_primaries(const Observation& seen, Memory::Leadership& leadership) {
  if (seen.cluster.unlocked() && seen.peers_answered_at > leadership.primary_seen_at) {
    // A member answers as the primary, so it has led without our noticing. It may go on for as long as it believes in
    // its lease.
    for (const auto& [peer_name, peer] : seen.peers) {
      if (!peer.answers_as_primary()) continue;
      leadership.last_leader = peer_name;
      leadership.primary_seen_at = seen.peers_answered_at;
    }
  }
  // Another member may have led since our lease ended, or while the DCS did not answer.
  if (!seen.lease_alive() || !seen.dcs.ok) leadership.last_leader.clear();
}

// Whether our primary runs without a leader key that would prevent another promotion. Either there is no key, or only
// the DCS knows whether the key still exists. The second case holds for a key that a previous run of this daemon took,
// unless a fence of that run has told when its lease ends. It also holds for any key while the DCS has not answered
// since the start.
bool lacks_leader_key(const Observation& seen, const Memory& memory) {
  if (seen.settings.pause || memory.data.bootstrapping || seen.job.running() || !seen.postgres.may_write())
    return false;
  const bool end_known = memory.fence.until && !memory.fence.without_leader_key_since;
  if (!seen.cluster.loaded) return !end_known;
  return seen.cluster.unlocked() || (seen.leader_key_is_stale() && !end_known);
}

void remember_want_of_key(const Observation& seen, Memory& memory) {
  auto& since = memory.fence.without_leader_key_since;
  if (!lacks_leader_key(seen, memory)) {
    since.reset();
  } else if (!since) {
    since = seen.cluster.loaded ? seen.now : memory.born;
  }
}

void remember_hand_over(const Observation& seen, Memory::HandOver& hand_over) {
  if (!hand_over.under_way() || seen.postgres.sql) hand_over.by_lease = false;
  const auto& failover = seen.cluster.failover;
  if (!failover || failover->revision == hand_over.request) return;
  hand_over.request = failover->revision;
  hand_over.request_seen_at = seen.now;
}

// Forgets the restart once it has been tried, whether or not PostgreSQL has started again.
void remember_restart(const JobView& job, std::optional<Restarting>& restarting) {
  if (restarting && job.kind == JobKind::start && !job.running() && job.id > restarting->after_job) restarting.reset();
}

// Who reloads may have mended what made an operation fail, so it is tried again at once.
void remember_reload(const Observation& seen, Memory::Jobs& jobs) {
  if (seen.reloads == jobs.reloads) return;
  jobs.reloads = seen.reloads;
  for (auto& [kind, retry] : jobs.backoff) retry.not_before = seen.now;
}

void remember_position(const Observation& seen, Memory::Race& race) {
  if (!seen.postgres.running_standby()) {
    race.received = 0;
    return;
  }
  if (race.received != 0 && seen.postgres.sql->wal_lsn > race.received) race.received_at = seen.now;
  race.received = seen.postgres.sql->wal_lsn;
}

// Keeps the instant at which the condition was first seen to hold; resets it when it does not hold.
void keep_first(std::optional<Instant>& since, bool holds, Instant now) {
  if (!holds) {
    since.reset();
  } else if (!since) {
    since = now;
  }
}

void remember_server(const Observation& seen, Memory::Server& server) {
  const bool came_up = seen.job.kind == JobKind::start || seen.job.kind == JobKind::promote;
  if (came_up && seen.job.state == JobState::succeeded && seen.job.id > server.last_up) {
    server.last_up = seen.job.id;
    server.up_since = seen.job.ended_at;
  }
  if (seen.postgres.running_primary() && seen.postgres.sql->wal_lsn != server.flushed) {
    server.flushed = seen.postgres.sql->wal_lsn;
    server.flushed_at = seen.now;
  }
  keep_first(server.shut_down_since, seen.postgres.shut_down(), seen.now);
  keep_first(server.stopped_since, seen.postgres.process == ProcessState::stopped, seen.now);
}

}  // namespace

Memory remember(const Observation& seen, const Memory& before) {
  Memory memory = before;
  if (memory.born == Instant{}) memory.born = seen.now;
  if (seen.cluster.loaded) {
    remember_members(seen, memory.leadership, memory.electorate);
    if (remember_leader_key(seen, memory.leadership)) begin_tenure(seen, memory);
    // The member for which we gave the key up has taken it.
    if (!seen.cluster.unlocked() && seen.cluster.leader->name != seen.self) memory.race.gave_up_at.reset();
  }
  remember_other_primaries(seen, memory.leadership);
  remember_want_of_key(seen, memory);
  remember_hand_over(seen, memory.hand_over);
  remember_restart(seen.job, memory.restarting);
  remember_reload(seen, memory.jobs);
  remember_position(seen, memory.race);
  watch_sync_names(seen, memory.sync);
  remember_server(seen, memory.server);
  if (seen.postgres.process == ProcessState::stopped) memory.slots.surveyed = false;
  return memory;
}

}  // namespace tamada::core
