#include <gtest/gtest.h>

#include "core/testing/rule_cases.h"

namespace tamada::core::testing {
namespace {

const Case shutdown_cases[] = {
    {"stops_postgres",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.requests.shutdown = true;
     },
     "shutdown",
     {"StartJob stop"}},
    {"then_hands_over",
     [](Scene& s) {
       s.we_lead().primary().stopped(ControlState::shut_down);
       s.seen.requests.shutdown = true;
     },
     "shutdown",
     {"ReleaseLeader", "RevokeLease", "Exit"}},
    // Found by simulation (five nodes, seed 770001148): the stop was requested just after a promotion.
    {"and_tells_of_its_timeline_first",
     [](Scene& s) {
       s.we_lead().primary().stopped(ControlState::shut_down);
       s.seen.postgres.control->timeline = 2;
       s.seen.requests.shutdown = true;
     },
     "shutdown",
     {"WriteHistory", "ReleaseLeader", "RevokeLease", "Exit"}},
    {"standby_leaves_its_key_behind_nobody",
     [](Scene& s) {
       s.b_leads().standby().stopped(ControlState::shut_down_in_recovery);
       s.seen.requests.shutdown = true;
     },
     "shutdown",
     {"RevokeLease", "Exit"}},
    {"leaves_without_the_dcs",
     [](Scene& s) {
       s.we_lead().primary().stopped(ControlState::shut_down).dcs_down_since(5s, 6s);
       s.seen.requests.shutdown = true;
     },
     "shutdown",
     {"Exit"}},
    {"in_pause_postgres_stays",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.requests.shutdown = true;
       s.seen.settings.pause = true;
     },
     "shutdown",
     {"Exit"}},
    {"cancels_what_runs",
     [](Scene& s) {
       s.b_leads().no_data().job(JobKind::basebackup, JobState::running);
       s.seen.requests.shutdown = true;
     },
     "shutdown",
     {"CancelJob"}},
};

// Found by simulation (seed 820001242): the daemon had been frozen beyond its lease, another member led, and the server
// went on taking writes until its checkpoint was over. An operator's restart did the same.
TEST(Shutdown, WithoutTheLeaderKeyNoCheckpointComesFirst) {
  for (const bool restart : {false, true}) {
    for (const bool leads : {false, true}) {
      Scene s;
      s.we_lead().primary();
      if (!leads) s.b_leads().seen.lease.deadline = noon - 10s;
      s.seen.requests.shutdown = !restart;
      if (restart) s.seen.requests.restart = RestartRequest{};
      const auto decision = s.decide();
      const auto* stop = find<StartJob>(decision);
      ASSERT_TRUE(stop) << decision.reason;
      EXPECT_EQ(stop->kind, JobKind::stop);
      EXPECT_EQ(stop->checkpoint_first, leads);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shutdown, Rules, ::testing::ValuesIn(known(shutdown_cases)), case_name);

}  // namespace
}  // namespace tamada::core::testing
