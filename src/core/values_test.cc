// Tests of small pure functions: positions, divergence, history, slots.
#include <gtest/gtest.h>

#include "core/divergence.h"
#include "core/history.h"
#include "core/presentation.h"
#include "core/testing/scene.h"

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

// The states have Patroni's names.
TEST(State, WhileAClusterIsMade) {
  struct {
    bool custom;
    JobState job;
    const char *step, *word;
  } const cases[] = {{false, JobState::running, "", "initializing new cluster"},
                     {false, JobState::running, "shutdown", "initializing new cluster"},
                     {false, JobState::failed, "", "initdb failed"},
                     {true, JobState::running, "", "running custom bootstrap script"},
                     {true, JobState::running, "recovery", "starting after custom bootstrap"},
                     {true, JobState::failed, "shutdown", "custom bootstrap failed"}};
  for (const auto& c : cases) {
    Scene s;
    s.no_data().job(JobKind::bootstrap, c.job);
    s.seen.job.step = c.step;
    s.seen.settings.custom_bootstrap = c.custom;
    EXPECT_EQ(state_word(s.seen, s.memory), c.word);
  }
}

TEST(Presentation, AConnectionPoolIsPublished) {
  Scene s;
  s.we_lead().primary();
  auto before = member_record(s.seen, s.memory, {});
  s.seen.settings.proxy_url = "postgres://pool:6432/postgres";
  const auto after = member_record(s.seen, s.memory, {});
  EXPECT_EQ(after.proxy_url, "postgres://pool:6432/postgres");
  EXPECT_TRUE(differs_in_kind(before, after));
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
      {ControlState::shut_down, 1, 100, 0, 2, 200, Divergence::none},      // its last record begins before the fork
      {ControlState::shut_down, 1, 200, 0, 2, 200, Divergence::diverged},  // its last record begins at the fork
      {ControlState::shut_down, 1, 300, 0, 2, 200, Divergence::diverged},
      {ControlState::shut_down, 2, 300, 0, 2, 200, Divergence::none},
      {ControlState::shut_down, 3, 300, 0, 2, 200, Divergence::diverged},  // the leader never was on this timeline
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
  EXPECT_EQ(divergence(local, upstream, {}), Divergence::unknown);  // the timeline that SQL tells may be stale
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
  EXPECT_EQ(divergence(local, upstream, {}), Divergence::same_number_fork);  // the upstream is a primary of its own,
                                                                             // not a copy of the same one
  local.standby_signal = true;
  EXPECT_EQ(divergence(local, upstream, {}), Divergence::none);
  upstream.our_history->front().lsn = 210;
  EXPECT_EQ(divergence(local, upstream, {}), Divergence::same_number_fork);
  upstream.our_history = upstream.history;
  upstream.lsn = 300;  // the position at which our last record begins
  EXPECT_EQ(divergence(local, upstream, {}), Divergence::same_number_fork);
}

// Found by simulation (seed 1011208): this node slept on a timeline 2, and follows a timeline 3 that came from another
// timeline 2.
TEST(Divergence, ThePastOfAnotherTimelineOfOurNumber) {
  PostgresView local;
  local.standby_signal = true;
  local.control = ControlFile{.state = ControlState::shut_down_in_recovery,
                              .timeline = 2,
                              .checkpoint = 210,
                              .min_recovery_end = 250,
                              .min_recovery_timeline = 2};
  UpstreamView upstream;
  upstream.reachable = true;
  upstream.timeline = 3;
  upstream.history = {{.timeline = 1, .lsn = 300}, {.timeline = 2, .lsn = 400}};
  upstream.our_timeline = 2;
  EXPECT_EQ(divergence(local, upstream, {}), Divergence::none);  // this node's history is not known
  upstream.our_past = {{.timeline = 1, .lsn = 200}};
  EXPECT_EQ(divergence(local, upstream, {}), Divergence::same_number_fork);
  upstream.our_past->front().lsn = 300;
  EXPECT_EQ(divergence(local, upstream, {}), Divergence::none);
}

// Somebody promoted a second primary by hand beside the leader. Its timeline is newer, and pg_rewind can undo it.
TEST(Divergence, PromotedBesideTheLeader) {
  PostgresView local;
  UpstreamView upstream;
  upstream.reachable = true;
  upstream.in_recovery = false;
  upstream.timeline = 2;
  upstream.lsn = 400;
  upstream.history = {{.timeline = 1, .lsn = 200}};
  upstream.our_history = upstream.history;
  for (const auto state : {ControlState::in_production, ControlState::shut_down}) {
    local.control = ControlFile{.state = state, .timeline = 3, .checkpoint = 300};
    upstream.our_newest = 3;
    EXPECT_EQ(divergence(local, upstream, {}), Divergence::diverged);
    local.control->timeline = 2;  // it ended before the first checkpoint of its timeline
    EXPECT_EQ(divergence(local, upstream, {}), Divergence::diverged);
    upstream.our_newest = 2;
    EXPECT_EQ(divergence(local, upstream, {}), Divergence::same_number_fork);
    local.control->timeline = 1;
    EXPECT_EQ(divergence(local, upstream, {}), Divergence::same_number_fork);
  }
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

}  // namespace
}  // namespace tamada::core::testing
