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

INSTANTIATE_TEST_SUITE_P(Shutdown, Rules, ::testing::ValuesIn(known(shutdown_cases)), case_name);

}  // namespace
}  // namespace tamada::core::testing
