// The small pure functions: positions, divergence, history, slots.
#include <gtest/gtest.h>

#include "core/divergence.h"
#include "core/history.h"
#include "core/scene.h"
#include "core/slots.h"

namespace tamada::core::testing {
namespace {

TEST(Lsn, TextAndBack) {
  EXPECT_EQ(format_lsn(0x16B374D848), "16/B374D848");
  EXPECT_EQ(format_lsn(67108960), "0/4000060");
  EXPECT_EQ(parse_lsn("16/B374D848"), 0x16B374D848u);
  EXPECT_EQ(parse_lsn("0/0"), 0u);
  for (const char* junk : {"", "/", "1/", "/1", "x/1", "1/1 ", "1-1", "123456789/0"})
    EXPECT_FALSE(parse_lsn(junk)) << junk;
}

struct DivergenceCase {
  ControlState state;
  Timeline timeline;
  Lsn checkpoint, recovery_end;
  Timeline upstream;
  Lsn fork;
  Divergence expected;
};

TEST(Divergence, OfAStoppedServer) {
  const DivergenceCase cases[] = {
      {ControlState::shut_down, 1, 100, 0, 2, 200, Divergence::none},      // its last record lies before the fork
      {ControlState::shut_down, 1, 200, 0, 2, 200, Divergence::diverged},  // its last record begins at the fork
      {ControlState::shut_down, 1, 300, 0, 2, 200, Divergence::diverged},
      {ControlState::shut_down, 2, 300, 0, 2, 200, Divergence::none},
      {ControlState::shut_down, 3, 300, 0, 2, 200, Divergence::diverged},  // a timeline that the leader never had
      {ControlState::shut_down_in_recovery, 1, 100, 200, 2, 200, Divergence::none},
      {ControlState::shut_down_in_recovery, 1, 100, 201, 2, 200, Divergence::diverged},
      {ControlState::in_archive_recovery, 1, 100, 150, 2, 200, Divergence::none},
      {ControlState::in_production, 1, 100, 0, 2, 200, Divergence::diverged},
      {ControlState::in_production, 2, 100, 0, 2, 200, Divergence::none},
  };
  for (const auto& one : cases) {
    PostgresView local;
    local.control = ControlFile{.state = one.state, .timeline = one.timeline, .checkpoint = one.checkpoint};
    if (one.recovery_end != 0) {
      local.control->min_recovery_end = one.recovery_end;
      local.control->min_recovery_timeline = one.timeline;
    }
    UpstreamView upstream;
    upstream.reachable = true;
    upstream.timeline = one.upstream;
    upstream.history = {{.timeline = 1, .lsn = one.fork}};
    EXPECT_EQ(divergence(local, upstream, {}), one.expected)
        << "state " << static_cast<int>(one.state) << " timeline " << one.timeline << " checkpoint " << one.checkpoint;
    upstream.reachable = false;
    EXPECT_EQ(divergence(local, upstream, {}), Divergence::unknown);
  }
}

TEST(Divergence, TimelineThatTheUpstreamDoesNotKnow) {
  PostgresView local;
  local.sql = SqlView{.in_recovery = true, .timeline = 2, .wal_lsn = 10};
  UpstreamView upstream;
  upstream.reachable = true;
  upstream.timeline = 3;
  upstream.history = {{.timeline = 1, .lsn = 5}};
  EXPECT_EQ(divergence(local, upstream, {}), Divergence::unknown);  // SQL's timeline may be of before
  UpstreamView own;
  own.reachable = true;
  own.timeline = 2;
  own.lsn = 10;
  EXPECT_EQ(divergence(local, upstream, own), Divergence::diverged);
  own.timeline = 3;
  EXPECT_EQ(divergence(local, upstream, own), Divergence::none);
}

TEST(Divergence, OneNumberForTwoHistories) {
  PostgresView local;
  local.control = ControlFile{.state = ControlState::shut_down, .timeline = 2, .checkpoint = 300};
  UpstreamView upstream;
  upstream.reachable = true;
  upstream.in_recovery = false;
  upstream.timeline = 2;
  upstream.lsn = 400;
  upstream.history = {{.timeline = 1, .lsn = 200}};
  upstream.our_history = upstream.history;
  EXPECT_EQ(divergence(local, upstream, {}), Divergence::twin);  // a primary itself, not a copy of one
  local.standby_signal = true;
  EXPECT_EQ(divergence(local, upstream, {}), Divergence::none);
  upstream.our_history->front().lsn = 210;
  EXPECT_EQ(divergence(local, upstream, {}), Divergence::twin);
  upstream.our_history = upstream.history;
  upstream.lsn = 300;  // where our last record begins
  EXPECT_EQ(divergence(local, upstream, {}), Divergence::twin);
}

TEST(History, KeepsWhatIsKnownAndSignsTheNewest) {
  const std::vector<HistoryLine> file{{.timeline = 1, .lsn = 10, .reason = "no recovery target specified"},
                                      {.timeline = 2, .lsn = 20, .reason = "no recovery target specified"}};
  const std::vector<HistoryLine> known{
      {.timeline = 1, .lsn = 10, .reason = "no recovery target specified", .timestamp = "then", .new_leader = "b"}};
  const auto merged = merge_history(file, known, "now", "a", 0);
  ASSERT_EQ(merged.size(), 2u);
  EXPECT_EQ(merged[0].timestamp, "then");
  EXPECT_EQ(merged[0].new_leader, "b");
  EXPECT_EQ(merged[1].timestamp, "now");
  EXPECT_EQ(merged[1].new_leader, "a");
  EXPECT_EQ(merge_history(file, merged, "later", "c", 0), merged);
  const auto cut = merge_history(file, known, "now", "a", 1);
  ASSERT_EQ(cut.size(), 1u);
  EXPECT_EQ(cut[0].timeline, 2u);
}

TEST(Slots, NamesAsPatroniMakesThem) {
  EXPECT_EQ(slot_name("postgres-0"), "postgres_0");
  EXPECT_EQ(slot_name("Node.A_1"), "node_a_1");
  EXPECT_EQ(slot_name("a b"), "au0032b");
  EXPECT_EQ(slot_name("\xc3\xa9"), "u0233");
  EXPECT_EQ(slot_name(std::string(80, 'x')), std::string(63, 'x'));
}

TEST(Slots, CascadeFollowsTheChain) {
  Scene scene;
  scene.b_leads();
  auto& members = scene.seen.cluster.members;
  EXPECT_EQ(upstream_of(scene.seen.cluster, members["c"]), "b");
  members["c"].tags.replicatefrom = "a";
  EXPECT_EQ(upstream_of(scene.seen.cluster, members["c"]), "a");
  members["a"].state = "stopped";
  EXPECT_EQ(upstream_of(scene.seen.cluster, members["c"]), "b");  // falls back to the leader
  members["a"].state = "running";
  members["a"].tags.replicatefrom = "c";
  EXPECT_EQ(upstream_of(scene.seen.cluster, members["c"]), "b");  // a circle leads nowhere
}

TEST(Slots, DropsOnlyMembersThatAreLongGone) {
  Scene scene;
  scene.we_lead().primary();
  scene.memory.known_members = scene.seen.cluster.members;
  scene.seen.postgres.sql->slots = {{.name = "b"}, {.name = "c"}, {.name = "somebody_else"}};
  scene.seen.cluster.members.erase("c");
  auto plan = plan_slots(scene.seen, scene.memory);
  EXPECT_TRUE(plan.actions.empty());
  scene.seen.now += 30min;
  plan = plan_slots(scene.seen, plan.memory);
  ASSERT_EQ(plan.actions.size(), 1u);
  EXPECT_EQ(std::get<SyncSlots>(plan.actions[0]).drop, std::vector<std::string>{"c"});
}

TEST(Slots, AStandbyMovesThemAlong) {
  Scene scene;
  scene.b_leads().standby(500);
  scene.seen.postgres.sql->replay_lsn = 400;
  scene.seen.postgres.sql->slots = {{.name = "b", .restart_lsn = 100}, {.name = "c", .restart_lsn = 100}};
  scene.seen.cluster.status = Status{.optime = 500, .slots = {{"b", 500}, {"c", 300}}};
  const auto plan = plan_slots(scene.seen, scene.memory);
  ASSERT_EQ(plan.actions.size(), 1u);
  const std::map<std::string, Lsn> expected{{"b", 400}, {"c", 300}};  // never beyond what is replayed here
  EXPECT_EQ(std::get<AdvanceSlots>(plan.actions[0]).to, expected);
}

TEST(Slots, APrimaryKeepsWhatADirectStandbyNeeds) {
  Scene scene;
  scene.we_lead().primary();
  scene.seen.postgres.sql->slots = {{.name = "b", .restart_lsn = 100}, {.name = "c", .restart_lsn = 100}};
  scene.seen.cluster.members["b"].xlog_location = 900;
  scene.seen.cluster.members["c"].xlog_location = 800;
  scene.seen.cluster.members["c"].tags.replicatefrom = "b";
  const auto plan = plan_slots(scene.seen, scene.memory);
  ASSERT_EQ(plan.actions.size(), 1u);
  const std::map<std::string, Lsn> expected{{"c", 800}};
  EXPECT_EQ(std::get<AdvanceSlots>(plan.actions[0]).to, expected);
}

}  // namespace
}  // namespace tamada::core::testing
