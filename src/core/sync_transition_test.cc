// Visits every state to which steps, interruptions, catching up and failovers can lead, with three standbys. In none of
// them may a set of voters that can promote lack an acknowledged commit.
#include "core/sync_transition.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <tuple>

namespace tamada::core {
namespace {

using Mask = unsigned;  // a set of standbys, one bit for each
constexpr unsigned standbys = 3;
constexpr Mask all = (1U << standbys) - 1;

int size(Mask mask) { return std::popcount(mask); }

Names names_of(Mask mask) {
  Names names;
  for (unsigned i = 0; i < standbys; ++i) {
    if (mask & (1U << i)) names.insert(std::string(1, static_cast<char>('a' + i)));
  }
  return names;
}

Mask mask_of(const Names& names) {
  Mask mask = 0;
  for (const auto& name : names) mask |= 1U << (name[0] - 'a');
  return mask;
}

// The commits, by the standbys that have them besides the primary. Bit m is set if exactly the standbys of mask m have
// some commit.
using Commits = std::uint8_t;

// All commits that any `count` standbys of `listed` may acknowledge.
Commits acknowledged(Mask listed, int count) {
  Commits commits = 0;
  for (Mask mask = 0; mask <= all; ++mask) {
    if ((mask & ~listed) == 0 && size(mask) == count) commits |= static_cast<Commits>(1U << mask);
  }
  return commits;
}

// Keeps a commit only if no smaller set among its standbys has a commit, because voters that share a member with the
// smaller set share that member with the larger one, too.
Commits least(Commits commits) {
  Commits result = 0;
  for (Mask mask = 0; mask <= all; ++mask) {
    if (!(commits & (1U << mask))) continue;
    bool smallest = true;
    for (Mask other = 0; other <= all; ++other) {
      if (other != mask && (commits & (1U << other)) && (other & ~mask) == 0) smallest = false;
    }
    if (smallest) result |= static_cast<Commits>(1U << mask);
  }
  return result;
}

template <class Change>
Commits each(Commits commits, Change change) {
  Commits result = 0;
  for (Mask mask = 0; mask <= all; ++mask) {
    if (commits & (1U << mask)) result |= static_cast<Commits>(1U << change(mask));
  }
  return least(result);
}

struct World {
  Mask voters = 0;
  int quorum = 0;
  Mask listed = 0;
  int count = 0;
  Mask known_caught_up = 0;
  Commits past = 0;  // acknowledged before the present names came into force
  auto operator<=>(const World&) const = default;
};

std::string text(const World& w) {
  std::string past;
  for (Mask mask = 0; mask <= all; ++mask) {
    if (w.past & (1U << mask)) past += " {" + joined(names_of(mask)) + "}";
  }
  return "voters " + joined(names_of(w.voters)) + " quorum " + std::to_string(w.quorum) + ", " +
         std::to_string(w.count) + " of " + joined(names_of(w.listed)) + ", caught up " +
         joined(names_of(w.known_caught_up)) + ", acknowledged before:" + past;
}

bool loses(Mask voters, int quorum, Commits commits) {
  for (Mask set = 1; set <= all; ++set) {
    if ((set & ~voters) != 0 || size(set) != quorum + 1) continue;
    for (Mask holders = 0; holders <= all; ++holders) {
      if ((commits & (1U << holders)) && (holders & set) == 0) return true;
    }
  }
  return false;
}

struct Goal {
  Mask listed = 0;
  int count = 0;
  bool quorum_mode = false;
  auto operator<=>(const Goal&) const = default;
};

// The goals that the primary may have, depending on its connections and its configuration.
std::vector<Goal> goals_of(const World& w) {
  std::vector<Goal> goals{{0, 0, false}, {0, 0, true}};
  for (Mask active = 1; active <= all; ++active) {
    goals.push_back({active, size(active), false});
    for (int count = 1; count <= size(active); ++count) goals.push_back({active, count, true});
  }
  // Strict mode, and no standby is connected.
  for (const bool quorum_mode : {false, true}) {
    goals.push_back({w.voters, std::max(1, size(w.voters) - w.quorum), quorum_mode});
  }
  return goals;
}

SyncNames sync_names(Mask listed, int count, bool quorum_mode) {
  return {.method = quorum_mode ? SyncNames::Method::quorum : SyncNames::Method::priority,
          .count = count,
          .standbys = names_of(listed)};
}

SyncStep step_of(const World& w, const Goal& goal) {
  static std::map<std::tuple<Mask, int, Mask, int, Mask, Goal>, SyncStep> known;
  const auto key = std::tuple(w.voters, w.quorum, w.listed, w.count, w.known_caught_up, goal);
  if (const auto it = known.find(key); it != known.end()) return it->second;
  const SyncStand stand{
      {names_of(w.voters), w.quorum}, sync_names(w.listed, w.count, goal.quorum_mode), names_of(w.known_caught_up)};
  return known[key] = next_sync_step(stand, {sync_names(goal.listed, goal.count, goal.quorum_mode), goal.quorum_mode});
}

Commits now_acknowledged(const World& w) { return w.count > size(w.listed) ? 0 : acknowledged(w.listed, w.count); }

World after(const World& w, const SyncStep& step) {
  World next = w;
  if (step.kind == SyncStep::Kind::promotable) {
    next.voters = mask_of(step.promotable.voters);
    next.quorum = step.promotable.quorum;
  } else if (step.kind == SyncStep::Kind::names) {
    next.listed = mask_of(step.names.standbys);
    next.count = step.names.count;
    next.known_caught_up = 0;
    // While the server's processes read the new names one by one, some commits are acknowledged by the old names and
    // some by the new ones.
    next.past = least(w.past | now_acknowledged(w) | now_acknowledged(next));
  }
  return next;
}

// `standby` has all commits that were acknowledged before the server used the present names, and the primary knows
// that.
World caught_up(const World& w, unsigned standby) {
  World next = w;
  next.past = each(w.past, [&](Mask mask) { return mask | (1U << standby); });
  if (w.listed & (1U << standby)) next.known_caught_up |= 1U << standby;
  return next;
}

// The old primary is gone, and `winner` is promoted by its own vote and those of `quorum` other members. Then the two
// change places: the winner's bit stands for the old primary from now on. See names_before_promotion() and take_over().
World failed_over(const World& w, unsigned winner) {
  const Mask bit = 1U << winner;
  World next = w;
  next.past = each(least(w.past | now_acknowledged(w)), [&](Mask mask) { return mask | bit; });
  next.voters = w.voters | bit;  // the old primary becomes a voter
  next.listed = w.voters | bit;
  next.count = size(w.voters) + 1 - w.quorum - 1;
  next.known_caught_up = 0;
  next.past = least(next.past | now_acknowledged(next));
  return next;
}

std::set<World> reachable(std::string* broken) {
  std::set<World> seen;
  std::deque<World> open;
  const auto visit = [&](const World& w, const std::string& how) {
    if (loses(w.voters, w.quorum, w.past | now_acknowledged(w)) && broken->empty()) *broken = how + ": " + text(w);
    if (seen.insert(w).second) open.push_back(w);
  };
  visit({.past = 1}, "asynchronous");  // some commit is on the primary alone
  while (!open.empty() && broken->empty()) {
    const auto w = open.front();
    open.pop_front();
    for (const auto& goal : goals_of(w)) {
      const auto step = step_of(w, goal);
      if (step.kind != SyncStep::Kind::none) visit(after(w, step), "a step from " + text(w));
    }
    for (unsigned standby = 0; standby < standbys; ++standby) visit(caught_up(w, standby), "catching up");
    World forgotten = w;  // the daemon was restarted, and has forgotten which standbys caught up
    forgotten.known_caught_up = 0;
    visit(forgotten, "a restart");
    for (unsigned winner = 0; winner < standbys; ++winner) {
      if ((w.voters & (1U << winner)) == 0) continue;
      visit(failed_over(w, winner), "a failover from " + text(w));
    }
  }
  return seen;
}

TEST(SyncTransition, NoInterruptionLosesACommit) {
  std::string broken;
  const auto worlds = reachable(&broken);
  EXPECT_EQ(broken, "");
  EXPECT_GT(worlds.size(), 1000U);
}

TEST(SyncTransition, EveryGoalIsReachedOnceTheStandbysHaveCaughtUp) {
  std::string broken;
  for (const auto& start : reachable(&broken)) {
    for (const auto& goal : goals_of(start)) {
      World w = start;
      int steps = 0;
      for (; steps < 6; ++steps) {
        for (unsigned standby = 0; standby < standbys; ++standby) w = caught_up(w, standby);
        const auto step = step_of(w, goal);
        if (step.kind == SyncStep::Kind::none) break;
        w = after(w, step);
      }
      const bool waits = goal.count > size(goal.listed);
      ASSERT_LT(steps, 6) << text(start);
      ASSERT_EQ(w.listed, goal.listed) << text(start);
      ASSERT_EQ(w.count, goal.count) << text(start);
      ASSERT_EQ(w.voters, goal.listed) << text(start);
      ASSERT_EQ(w.quorum, waits ? 0 : size(goal.listed) - goal.count) << text(start);
    }
  }
}

struct TransitionCase {
  const char* what;
  Promotable promotable;
  const char* names;
  Names caught_up;
  const char* wanted;
  SyncStep::Kind kind;
  const char* result;  // names, or "voters/quorum"
};

TEST(SyncTransition, InTheSafeOrder) {
  using enum SyncStep::Kind;
  const TransitionCase cases[] = {
      {"first the name, then the voter", {}, "", {}, "b", names, "b"},
      {"not before it has caught up", {}, "b", {}, "b", none, ""},
      {"it has", {}, "b", {"b"}, "b", promotable, "b/0"},
      {"first the voter goes, then the name", {{"b"}, 0}, "b", {"b"}, "", promotable, "/0"},
      {"then the name", {}, "b", {"b"}, "", names, ""},
      {"another standby: nobody in between", {{"b"}, 0}, "b", {"b"}, "c", promotable, "/0"},
      {"a second one: first both have to acknowledge", {{"b"}, 0}, "b", {"b"}, "2 (b,c)", names, "2 (b,c)"},
      {"quorum: a third voter raises the quorum first",
       {{"b", "c"}, 1},
       "ANY 1 (b,c)",
       {"b", "c"},
       "ANY 1 (b,c,d)",
       promotable,
       "b,c,d/2"},
      {"quorum: a lost one goes from the names first",
       {{"b", "c"}, 1},
       "ANY 1 (b,c)",
       {},
       "ANY 1 (b)",
       names,
       "ANY 1 (b)"},
      {"quorum: two are to acknowledge", {{"b", "c"}, 1}, "ANY 1 (b,c)", {}, "ANY 2 (b,c)", names, "ANY 2 (b,c)"},
      {"quorum: and only who has caught up counts", {{"b", "c"}, 1}, "ANY 2 (b,c)", {"b"}, "ANY 2 (b,c)", none, ""},
      {"somebody cleared the names: nobody may be promoted by them", {{"b"}, 0}, "", {}, "b", promotable, "/0"},
      {"as if anybody acknowledged", {{"b"}, 0}, "*", {}, "b", promotable, "/0"},
  };
  for (const auto& c : cases) {
    const auto wanted = parse_sync_names(c.wanted);
    const bool quorum_mode = wanted.method == SyncNames::Method::quorum;
    const auto step = next_sync_step({c.promotable, parse_sync_names(c.names), c.caught_up}, {wanted, quorum_mode});
    EXPECT_EQ(step.kind, c.kind) << c.what;
    if (step.kind == names) EXPECT_EQ(format_sync_names(step.names), c.result) << c.what;
    if (step.kind == promotable) {
      EXPECT_EQ(joined(step.promotable.voters) + "/" + std::to_string(step.promotable.quorum), c.result) << c.what;
    }
  }
}

TEST(SyncNames, AreReadAndWrittenAsPostgresDoes) {
  struct Sample {
    const char* text;
    int count;
    Names standbys;
    bool quorum, unclear;
    const char* written;
  };
  const Sample samples[] = {
      {"", 0, {}, false, false, ""},
      {"b", 1, {"b"}, false, false, "b"},
      {"FiRsT", 1, {"first"}, false, false, "\"FiRsT\""},
      {" a , b ", 1, {"a", "b"}, false, false, "1 (a,b)"},
      {"2 (c,a)", 2, {"a", "c"}, false, false, "2 (a,c)"},
      {"FIRST 1 (\"node-1\")", 1, {"node-1"}, false, false, "\"node-1\""},
      {"ANY 1 (\"postgres-2\", \"Postgres-0\")",
       1,
       {"postgres-0", "postgres-2"},
       true,
       false,
       "ANY 1 (\"Postgres-0\",\"postgres-2\")"},
      {"any 2(a,b,\"we\"\"ird\")", 2, {"a", "b", "we\"ird"}, true, false, "ANY 2 (a,b,\"we\"\"ird\")"},
      {"__patroni_strict_sync_replica_placeholder__",
       1,
       {},
       false,
       false,
       "__patroni_strict_sync_replica_placeholder__"},
      {"ANY 1 (__patroni_strict_sync_replica_placeholder__)",
       1,
       {},
       true,
       false,
       "ANY 1 (__patroni_strict_sync_replica_placeholder__)"},
      {"*", 1, {}, false, true, nullptr},
      {"ANY 4(\"a\",*,b)", 4, {"a", "b"}, true, true, nullptr},
      {"1", 1, {}, false, true, nullptr},
      {"a,", 1, {"a"}, false, true, nullptr},
      {"ANY 4(\"a\" b,\"c c\")", 4, {"a", "b", "c c"}, true, true, nullptr},
      {"\"no end", 1, {}, false, true, nullptr},
  };
  for (const auto& sample : samples) {
    const auto names = parse_sync_names(sample.text);
    EXPECT_EQ(names.count, sample.count) << sample.text;
    EXPECT_TRUE(same_names(names.standbys, sample.standbys)) << sample.text;
    EXPECT_EQ(names.method == SyncNames::Method::quorum, sample.quorum) << sample.text;
    EXPECT_EQ(names.unclear, sample.unclear) << sample.text;
    if (sample.written) EXPECT_EQ(format_sync_names(names), sample.written) << sample.text;
    if (!sample.unclear) EXPECT_EQ(parse_sync_names(format_sync_names(names)), names) << sample.text;
  }
}

}  // namespace
}  // namespace tamada::core
