#include "core/sync_transition.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace tamada::core {
namespace {

int size(const Names& names) { return static_cast<int>(names.size()); }

// The number of voters that may be missing so that a promotion is just not possible any more.
int tolerance(const Promotable& promotable) { return size(promotable.voters) - promotable.quorum; }

// The least quorum that keeps future commits safe. `names` acknowledge those commits.
int least_for(const Names& voters, const SyncNames& names) {
  if (names.unclear) return size(voters);
  if (names.count > size(names.standbys)) return 0;  // no commit is acknowledged
  return std::max(size(united(names.standbys, voters)) - names.count, 0);
}

// The least quorum that keeps those commits safe that earlier names than the present ones acknowledged. Any quorum + 1
// voters must include a standby that has caught up. If they do not, all of them are in `rest`, and then enough of them
// must have been voters before.
int least_for_the_past(const Names& voters, const SyncStand& stand, bool trusted) {
  const auto rest = without(voters, stand.caught_up);
  const int by_previous_voters = stand.promotable.quorum + size(without(rest, stand.promotable.voters));
  return trusted ? std::min(size(rest), by_previous_voters) : size(rest);
}

struct Limits {
  const SyncStand& stand;
  std::vector<SyncNames> names;  // all values that may be in force
  bool trusted = true;           // whether the present voters keep the invariant
  bool quorum_mode = false;
};

std::optional<Promotable> with_least_quorum(const Names& voters, const Limits& limits) {
  if (voters.empty()) return Promotable{};
  Promotable result{voters, least_for_the_past(voters, limits.stand, limits.trusted)};
  for (const auto& names : limits.names) result.quorum = std::max(result.quorum, least_for(voters, names));
  const bool possible = result.quorum < size(voters) && (limits.quorum_mode || result.quorum == 0);
  return possible ? std::optional(result) : std::nullopt;
}

// The set of voters with which a promotion is easiest, among all safe sets.
Promotable best(const Limits& limits, const Names& goal) {
  const auto& voters = limits.stand.promotable.voters;
  const auto& caught_up = limits.stand.caught_up;
  const auto known = united(caught_up, voters);
  Promotable chosen;
  for (const auto& candidate : {goal, common(goal, known), common(goal, caught_up), common(goal, voters), voters,
                                united(goal, voters), common(voters, caught_up)}) {
    const auto possible = with_least_quorum(candidate, limits);
    if (!possible) continue;
    const bool better = tolerance(*possible) > tolerance(chosen) ||
                        (tolerance(*possible) == tolerance(chosen) && possible->quorum < chosen.quorum);
    if (better) chosen = *possible;
  }
  return chosen;
}

bool same(const Promotable& a, const Promotable& b) { return a.quorum == b.quorum && same_names(a.voters, b.voters); }

SyncStep write(Promotable promotable) {
  return {.kind = SyncStep::Kind::promotable, .promotable = std::move(promotable), .names = {}};
}

// The names in force are the wanted ones, so this step allows as many voters as possible to be promoted.
SyncStep towards_voters(const SyncStand& stand, const SyncGoal& goal) {
  const auto& wanted = goal.names.standbys;
  const Limits limits{.stand = stand, .names = {stand.names}, .quorum_mode = goal.quorum_mode};
  const Promotable ideal{wanted, wanted.empty() ? 0 : std::max(size(wanted) - goal.names.count, 0)};
  if (same(stand.promotable, ideal)) return {};
  const auto possible = with_least_quorum(wanted, limits);
  if (possible && same(*possible, ideal)) return write(ideal);
  const auto next = best(limits, wanted);
  const bool odd = !goal.quorum_mode && stand.promotable.quorum > 0;  // the quorum is left over from quorum mode
  const bool worth_it = tolerance(next) > tolerance(stand.promotable) || (odd && tolerance(next) > 0);
  return worth_it ? write(next) : SyncStep{};
}

}  // namespace

bool overlap(const Promotable& promotable, const SyncNames& names) {
  return promotable.voters.empty() || promotable.quorum >= least_for(promotable.voters, names);
}

SyncStep next_sync_step(const SyncStand& stand, const SyncGoal& goal) {
  // Another program has changed the names, so the voters may lack commits that were acknowledged meanwhile.
  if (!overlap(stand.promotable, stand.names)) {
    const Limits limits{.stand = stand, .names = {stand.names}, .trusted = false, .quorum_mode = goal.quorum_mode};
    return write(best(limits, goal.names.standbys));
  }
  if (stand.names == goal.names) return towards_voters(stand, goal);
  if (overlap(stand.promotable, goal.names)) {
    return {.kind = SyncStep::Kind::names, .promotable = {}, .names = goal.names};
  }
  // The first step is a set of voters that is safe for the names in force and for the wanted ones.
  const Limits limits{.stand = stand, .names = {stand.names, goal.names}, .quorum_mode = goal.quorum_mode};
  return write(best(limits, goal.names.standbys));
}

}  // namespace tamada::core
