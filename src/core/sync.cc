#include "core/sync.h"

#include <algorithm>
#include <tuple>
#include <vector>

namespace tamada::core {
namespace {

// A reload reaches the server's processes one by one. Commits that were acknowledged by the old names in the meantime
// are covered by the position that is read afterwards.
constexpr Duration reload_takes = 100ms;
constexpr Duration look_again = 150ms, look_again_later = 1s;
constexpr Duration patience = 5s;
// A standby that flushes nothing for so long, although there is WAL for it, holds up every commit that waits for it.
// Its host may be cut off: PostgreSQL notices that only after wal_sender_timeout (60 s), and etcd after the ttl.
constexpr Duration stall_limit = 3s;
constexpr Duration stall_look = 1s;  // how often we look while there is WAL, and another standby could replace it

bool quorum_mode(const Settings& settings) { return settings.synchronous_mode == SynchronousMode::quorum; }

Promotable promotable_of(const SyncState& sync) {
  return {Names(sync.standbys.begin(), sync.standbys.end()), sync.quorum};
}

bool streams(const ReplicationConnection& row) { return row.state == "streaming" || row.state == "catchup"; }

// ---- which members may be synchronous

struct Standby {
  const Member* member;
  const ReplicationConnection* row;
};
using Standbys = std::map<std::string, Standby, NameLess>;

bool may_be_synchronous(const Observation& seen, const Member& member) {
  return member.running() && !member.tags.nosync && !member.tags.nostream && member.name != seen.self;
}

// Whether the standby has received WAL beyond our own end of WAL. Such WAL belongs to another history, beyond the
// position at which our timeline began.
bool has_other_wal(const Observation& seen, const ReplicationConnection& row) {
  return row.sync_lsn && *row.sync_lsn > seen.postgres.sql->wal_lsn;
}

Standbys connected(const Observation& seen) {
  std::map<std::string, const Member*, NameLess> members;
  for (const auto& [member_name, member] : seen.cluster.members) {
    if (may_be_synchronous(seen, member)) members[member_name] = &member;
  }
  Standbys standbys;
  for (const auto& row : seen.postgres.sql->replication) {
    const auto it = members.find(row.application_name);
    if (it == members.end() || !row.sync_lsn || !streams(row) || has_other_wal(seen, row)) continue;
    auto& standby = standbys.try_emplace(it->second->name, it->second, &row).first->second;
    if (*row.sync_lsn > *standby.row->sync_lsn) standby.row = &row;
  }
  return standbys;
}

// Whether the member is configured to stream from another standby, and is connected here only temporarily.
bool belongs_elsewhere(const Observation& seen, const Standbys& standbys, const Member& member) {
  Names passed{member.name};
  for (const Member* at = &member; !at->tags.replicatefrom.empty();) {
    const auto* source = seen.cluster.member(at->tags.replicatefrom);
    if (!source || !may_be_synchronous(seen, *source) || !passed.insert(source->name).second) return false;
    if (source->tags.replicatefrom.empty()) return standbys.contains(source->name);
    at = source;
  }
  return false;
}

struct Eligible {
  std::string name;
  int priority;
  bool listed, nofailover, stalled;
  Lsn lsn;
};

std::vector<Eligible> eligible(const Observation& seen, const Names& listed, const Names& stalled) {
  const auto standbys = connected(seen);
  std::vector<Eligible> out;
  for (const auto& [member_name, standby] : standbys) {
    const bool is_listed = listed.contains(member_name);
    // Commits would wait until such a standby has caught up.
    if (!is_listed && standby.row->state != "streaming") continue;
    if (belongs_elsewhere(seen, standbys, *standby.member)) continue;
    const auto& tags = standby.member->tags;
    out.push_back({member_name, tags.sync_priority, is_listed, tags.nofailover, stalled.contains(member_name),
                   *standby.row->sync_lsn});
  }
  std::ranges::sort(out, [](const Eligible& a, const Eligible& b) {
    return std::tie(a.stalled, a.nofailover, b.priority, b.listed, b.lsn, a.name) <
           std::tie(b.stalled, b.nofailover, a.priority, a.listed, a.lsn, b.name);
  });
  const auto limit = seen.settings.maximum_lag_on_syncnode;
  if (limit <= 0) return out;
  Lsn most = out.size() > 1 ? 0 : seen.postgres.sql->wal_lsn;
  for (const auto& standby : out) most = std::max(most, standby.lsn);
  std::erase_if(out, [&](const Eligible& standby) { return most - standby.lsn > static_cast<Lsn>(limit); });
  return out;
}

// ---- a standby that is connected and flushes nothing

void watch_flushes(const Observation& seen, Memory::Sync& memory) {
  const auto& sql = *seen.postgres.sql;
  memory.wal_moves = memory.wal_seen != 0 && sql.wal_lsn != memory.wal_seen;
  memory.wal_seen = sql.wal_lsn;
  std::map<std::string, Memory::Sync::Behind, NameLess> behind;
  for (const auto& row : sql.replication) {
    if (row.state != "streaming" || !row.flush_lsn || *row.flush_lsn >= sql.wal_lsn) continue;
    const auto known = memory.behind.find(row.application_name);
    const bool stands = known != memory.behind.end() && known->second.flushed == *row.flush_lsn;
    behind[row.application_name] = {*row.flush_lsn, stands ? known->second.since : seen.now};
  }
  memory.behind = std::move(behind);
}

// In quorum mode the other standbys confirm the commits.
Names stalled_standbys(const Observation& seen, const Memory::Sync& memory) {
  Names stalled;
  if (quorum_mode(seen.settings)) return stalled;
  for (const auto& [name, behind] : memory.behind) {
    if (seen.now - behind.since >= stall_limit) stalled.insert(name);
  }
  return stalled;
}

std::string told_of_stalls(const Names& replaced, const Names& stalled) {
  std::string text;
  for (const auto& name : replaced) {
    if (stalled.contains(name)) text += ". " + name + " is connected, but flushes no WAL";
  }
  return text;
}

// When to look whether one of the synchronous standbys has stalled. nullopt when there is nothing that it should flush,
// or no other standby to replace it.
std::optional<Instant> look_for_stalls(const Observation& seen, const Names& active, const Memory::Sync& memory) {
  if (quorum_mode(seen.settings)) return std::nullopt;
  const auto is_behind = [&](const std::string& name) { return memory.behind.contains(name); };
  if (!memory.wal_moves && !std::ranges::any_of(active, is_behind)) return std::nullopt;
  if (eligible(seen, active, {}).size() <= active.size()) return std::nullopt;
  return seen.now + stall_look;
}

// ---- the primary's next change

// Whether every WAL sender already uses these names.
bool senders_agree(const SqlView& sql, const SyncNames& names) {
  return std::ranges::all_of(sql.replication, [&](const ReplicationConnection& row) {
    if (!streams(row) || !row.sync_lsn || names.unclear) return true;
    return (row.sync_priority > 0) == (names.count > 0 && names.standbys.contains(row.application_name));
  });
}

SyncPlan write_sync(const Observation& seen, const Promotable& promotable, std::string said) {
  SyncState state;
  state.leader = seen.self;
  state.standbys.assign(promotable.voters.begin(), promotable.voters.end());
  state.quorum = promotable.quorum;
  state.revision = seen.cluster.sync ? seen.cluster.sync->revision : 0;
  state.timeline = seen.postgres.sql->start();
  SyncPlan plan;
  plan.actions.push_back(WriteSync{std::move(state)});
  plan.said = std::move(said);
  return plan;
}

bool must_tell_timeline(const std::optional<TimelineStart>& ours, const std::optional<TimelineStart>& told) {
  if (!ours || !told) return ours.has_value();
  const auto same = same_timeline(*ours, *told);
  return same == false || (!same && !ours->record.empty());
}

SyncPlan set_names(const Observation& seen, const SyncNames& names, Memory::Sync& memory) {
  SyncPlan plan;
  const auto text = format_sync_names(names);
  if (text == memory.names_asked && seen.now - memory.names_asked_at < seen.settings.loop_wait) {
    plan.wake_at = seen.now + look_again_later;
    return plan;
  }
  memory.names_asked = text;
  memory.names_asked_at = seen.now;
  plan.actions.push_back(SetSyncNames{text});
  plan.said = "Assigning synchronous_standby_names to " + (text.empty() ? "''" : text);
  return plan;
}

std::string python_list(const Names& names) { return names.empty() ? "[]" : "['" + joined(names, "', '") + "']"; }

std::string told(const Observation& seen, const Promotable& before, const Promotable& after) {
  if (quorum_mode(seen.settings) || after.quorum > 0) {
    return "Setting leader to " + seen.self + ", quorum to " + std::to_string(after.quorum) + " of (" +
           joined(after.voters, ", ") + ")";
  }
  if (after.voters.size() < before.voters.size()) {
    return "Updating /sync key temporarily from " + python_list(before.voters) + " to " + python_list(after.voters);
  }
  return "Synchronous standby status assigned to " + python_list(after.voters);
}

// Right after our promotion, `/sync` names the old primary as its leader. The old primary becomes one of the voters,
// since it has every acknowledged commit. The quorum stays, so the same members may be promoted after us.
SyncPlan take_over(const Observation& seen, const SyncNames& names) {
  const auto& sync = *seen.cluster.sync;
  Promotable next{sync_members(sync), sync.quorum};
  next.voters.erase(seen.self);
  // As in Patroni, without synchronous_mode_strict the new primary takes writes at once, without a synchronous standby.
  const bool alone = !quorum_mode(seen.settings) && !seen.settings.synchronous_mode_strict;
  if (alone || next.quorum >= static_cast<int>(next.voters.size()) || !overlap(next, names)) next = {};
  return write_sync(seen, next,
                    "Setting leader to " + seen.self + ", quorum to " + std::to_string(next.quorum) + " of (" +
                        joined(next.voters, ", ") + ")");
}

// After a promotion the standbys need a moment to connect.
bool standbys_are_coming(const Observation& seen, const Names& known) {
  const bool just_promoted = seen.job.kind == JobKind::promote && seen.job.state == JobState::succeeded &&
                             seen.now - seen.job.ended_at < std::min(seen.settings.loop_wait, 2 * patience);
  return just_promoted && quorum_mode(seen.settings) && std::ranges::any_of(known, [&](const std::string& name) {
           const auto* member = seen.cluster.member(name);
           return member && may_be_synchronous(seen, *member);
         });
}

constexpr auto strict_text =
    "No active replication connections from Patroni members and synchronous_mode_strict is requested. ";

SyncPlan wait_strictly(const Observation& seen, const SyncStand& stand, Memory::Sync& memory) {
  SyncGoal goal{.names = {}, .quorum_mode = quorum_mode(seen.settings)};
  goal.names.method = goal.quorum_mode ? SyncNames::Method::quorum : SyncNames::Method::priority;
  goal.names.standbys = stand.promotable.voters;
  goal.names.count = std::max<int>(1, static_cast<int>(goal.names.standbys.size()) - stand.promotable.quorum);
  SyncPlan plan;
  if (stand.names != goal.names) plan = set_names(seen, goal.names, memory);
  if (!memory.wait_told) {
    const bool kept = plan.actions.empty() && !goal.names.standbys.empty();
    const std::string old =
        kept ? "Continue using old value of synchronous_standby_names=\"" + seen.postgres.sql->sync_names + "\". " : "";
    plan.said = strict_text + old + "Commits will be delayed.";
    plan.severity = Severity::warning;
    memory.wait_told = true;
  }
  return plan;
}

}  // namespace

bool sync_active(const Observation& seen) {
  return seen.settings.synchronous() && seen.cluster.sync && !seen.cluster.sync->leader.empty();
}

Names sync_members(const SyncState& sync) {
  Names names(sync.standbys.begin(), sync.standbys.end());
  if (!sync.leader.empty()) names.insert(sync.leader);
  return names;
}

bool is_sync_standby(const ClusterView& cluster, std::string_view name) {
  if (!cluster.sync || cluster.sync->leader.empty()) return false;
  return Names(cluster.sync->standbys.begin(), cluster.sync->standbys.end()).contains(name);
}

Names pick_sync_standbys(const Observation& seen, const Names& listed, const Names& stalled) {
  const auto wanted = static_cast<std::size_t>(std::max(seen.settings.synchronous_node_count, 1));
  Names picked;
  for (const auto& standby : eligible(seen, listed, stalled)) {
    const bool enough = picked.size() >= wanted;
    // A voter that may not be promoted only makes the quorum harder to reach for those that may.
    if (enough && (!quorum_mode(seen.settings) || standby.nofailover)) continue;
    picked.insert(standby.name);
  }
  return picked;
}

void watch_sync_names(const Observation& seen, Memory::Sync& memory) {
  if (!seen.postgres.running_primary() || !seen.settings.synchronous()) {
    memory.names_seen.clear();
    memory.names_since.reset();
    memory.caught_up.clear();
    memory.behind.clear();
    memory.wal_seen = 0;
    return;
  }
  watch_flushes(seen, memory);
  const auto& sql = *seen.postgres.sql;
  if (sql.sync_names != memory.names_seen) {
    memory.names_seen = sql.sync_names;
    memory.names_seen_at = seen.now;
    memory.names_since.reset();
    memory.caught_up.clear();
  }
  const auto names = parse_sync_names(sql.sync_names);
  if (!memory.names_since && seen.now - memory.names_seen_at >= reload_takes && senders_agree(sql, names)) {
    memory.names_since = sql.wal_lsn;
  }
  if (!memory.names_since) return;
  for (const auto& row : sql.replication) {
    const bool reached =
        row.state == "streaming" && row.sync_lsn && *row.sync_lsn >= *memory.names_since && !has_other_wal(seen, row);
    if (reached && names.standbys.contains(row.application_name)) memory.caught_up.insert(row.application_name);
  }
}

SyncPlan plan_sync(const Observation& seen, Memory::Sync& memory) {
  SyncPlan plan;
  const auto& sync = seen.cluster.sync;
  if (!seen.settings.synchronous()) {
    memory.wait_told = false;
    if (!sync || sync->leader.empty()) return plan;
    plan.actions.push_back(DeleteSync{sync->revision});
    plan.said = "Disabled synchronous replication";
    return plan;
  }
  if (!sync || sync->leader.empty()) return write_sync(seen, {}, "Enabled synchronous replication");
  const SyncStand stand{promotable_of(*sync), parse_sync_names(seen.postgres.sql->sync_names), memory.caught_up};
  if (sync->leader != seen.self) return take_over(seen, stand.names);
  // The key was written before our last promotion, or by a program that does not write the timeline, so it is written
  // again.
  if (must_tell_timeline(seen.postgres.sql->start(), sync->timeline)) return write_sync(seen, stand.promotable, "");

  const auto known = united(stand.names.standbys, stand.promotable.voters);
  const auto stalled = stalled_standbys(seen, memory);
  const auto active = pick_sync_standbys(seen, stand.names.standbys, stalled);
  if (active.empty() && standbys_are_coming(seen, known)) {
    plan.wake_at = seen.now + look_again;
    return plan;
  }
  if (active.empty() && seen.settings.synchronous_mode_strict) return wait_strictly(seen, stand, memory);
  memory.wait_told = false;
  SyncGoal goal{.names = {.standbys = active}, .quorum_mode = quorum_mode(seen.settings)};
  goal.names.method = goal.quorum_mode ? SyncNames::Method::quorum : SyncNames::Method::priority;
  const int connected_count = static_cast<int>(active.size());
  goal.names.count =
      goal.quorum_mode ? std::min(seen.settings.synchronous_node_count, connected_count) : connected_count;

  const auto step = next_sync_step(stand, goal);
  if (step.kind == SyncStep::Kind::names) return set_names(seen, step.names, memory);
  if (step.kind == SyncStep::Kind::promotable) {
    return write_sync(seen, step.promotable,
                      told(seen, stand.promotable, step.promotable) + told_of_stalls(without(known, active), stalled));
  }
  if (!without(active, stand.caught_up).empty()) {
    plan.wake_at = seen.now + (seen.now - memory.names_seen_at < patience ? look_again : look_again_later);
  } else {
    plan.wake_at = look_for_stalls(seen, active, memory);
  }
  return plan;
}

std::optional<SyncNames> names_before_promotion(const Observation& seen) {
  if (!seen.settings.synchronous()) return std::nullopt;
  SyncNames names;
  names.method = quorum_mode(seen.settings) ? SyncNames::Method::quorum : SyncNames::Method::priority;
  if (sync_active(seen)) {
    // A commit is on this server and on `count` standbys. So at most `quorum` of the members in `/sync` lack it, and
    // any `quorum + 1` of them include one that has it.
    names.standbys = sync_members(*seen.cluster.sync);
    names.count = static_cast<int>(names.standbys.size()) - seen.cluster.sync->quorum;
    if (names.standbys.erase(seen.self) > 0) --names.count;
    names.count = std::max(names.count, 0);
    if (names.count == 0) names.standbys.clear();
  }
  if (seen.settings.synchronous_mode_strict) names.count = std::max(names.count, 1);
  return names;
}

bool is_rival(const Observation& seen, const PeerView& peer) {
  if (!sync_active(seen)) return true;
  const auto& sync = *seen.cluster.sync;
  // The old primary may have more WAL than was acknowledged, so the race does not wait for it.
  if (!NameLess{}(sync.leader, peer.name) && !NameLess{}(peer.name, sync.leader)) return false;
  if (is_sync_standby(seen.cluster, peer.name)) return true;
  // A member that `/sync` does not name may get the votes of those that it names, but only if it has all of their WAL.
  if (!quorum_mode(seen.settings) || sync.quorum == 0) return false;
  const auto& sql = *seen.postgres.sql;
  const auto how = standing(sql.timelines, sql.end(), peer.end());
  return how.proven && (how.kind == Standing::Kind::ahead || peer.lsn == sql.wal_lsn);
}

namespace {

// Whether `peer` cannot be the only one with a commit that this key acknowledged: `peer` was never on the timeline that
// the key names, and this node was.
bool took_no_part(const SyncState& sync, const SqlView& ours, const PeerView& peer, bool named) {
  // If the leader does not write its timeline into the key, only the timelines' numbers can be compared.
  if (!sync.timeline) return named && peer.timeline < ours.timeline;
  if (is_part_of(ours.timelines, ours.timeline, *sync.timeline) != true) return false;
  if (peer.timeline != sync.timeline->timeline) return peer.timeline < sync.timeline->timeline;
  return peer.start && same_timeline(*peer.start, *sync.timeline) == false;
}

}  // namespace

std::optional<std::string> sync_obstacle(const Observation& seen) {
  if (!sync_active(seen)) return std::nullopt;
  const auto& sync = *seen.cluster.sync;
  const auto members = sync_members(sync);
  const bool named = members.contains(seen.self);
  // With a quorum of 0, commits wait only for the members that the key names, so no vote can tell that this node has
  // the commits.
  if (!named && (seen.postgres.running_primary() || !quorum_mode(seen.settings) || sync.quorum == 0)) {
    return "following a different leader because I am not allowed to promote: not named in /sync";
  }
  if (seen.postgres.running_primary() || (named && sync.quorum == 0)) return std::nullopt;
  const SqlView ours = seen.postgres.sql.value_or(SqlView{});
  int votes = named ? 0 : -1;
  bool anybody_ahead = false;
  for (const auto& [peer_name, peer] : seen.peers) {
    if (!peer.reachable || !peer.running || !members.contains(peer_name) || peer_name == seen.self) continue;
    const auto how = standing(ours.timelines, ours.end(), peer.end());
    switch (how.kind) {
      case Standing::Kind::newer:
      case Standing::Kind::ahead:
        anybody_ahead = true;
        break;
      case Standing::Kind::contained:
        if (peer.lsn > 0 && (named || how.proven)) ++votes;
        break;
      case Standing::Kind::parted:
        if (took_no_part(sync, ours, peer, named)) ++votes;
        break;
    }
  }
  // If this node is the old primary, it has every commit that it acknowledged.
  const bool was_primary = sync.leader == seen.self && !anybody_ahead;
  if (votes >= sync.quorum || was_primary) return std::nullopt;
  return "not enough votes: " + std::to_string(votes) + " of the " + std::to_string(sync.quorum) +
         " that are needed of " + joined(members, ", ");
}

}  // namespace tamada::core
