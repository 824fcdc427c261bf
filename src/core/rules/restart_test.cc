#include <gtest/gtest.h>

#include "core/presentation.h"
#include "core/testing/rule_cases.h"

namespace tamada::core::testing {
namespace {

// The restart was asked for 5 s ago, and the server has not been started again since.
Scene& restart_due(Scene& s) {
  auto& request = s.seen.requests.scheduled_restart.emplace();
  request.schedule = s.seen.wall - 5s;
  request.postmaster_start_time = "before";
  s.seen.postgres.sql->postmaster_start_time = "before";
  return s;
}

const Case restart_cases[] = {
    {"now",
     [](Scene& s) { s.b_leads().standby().seen.requests.restart.emplace(); },
     "restart",
     {"ForgetRequests", "StartJob stop"}},
    {"of_a_server_that_is_down",
     [](Scene& s) {
       s.b_leads().standby().stopped(ControlState::shut_down_in_recovery).seen.requests.restart.emplace();
     },
     "restart",
     {"ForgetRequests"}},
    {"at_its_time",
     [](Scene& s) { restart_due(s.we_lead().primary()); },
     "restart",
     {"ForgetScheduledRestart", "StartJob stop"}},
    {"not_before_its_time",
     [](Scene& s) { restart_due(s.we_lead().primary()).seen.requests.scheduled_restart->schedule = s.seen.wall + 5s; },
     "leader",
     {"WriteStatus"}},
    {"long_after_its_time",
     [](Scene& s) { restart_due(s.we_lead().primary()).seen.requests.scheduled_restart->schedule = s.seen.wall - 16s; },
     "restart",
     {"ForgetScheduledRestart"}},
    {"needless_after_another_restart",
     [](Scene& s) { restart_due(s.we_lead().primary()).seen.postgres.sql->postmaster_start_time = "later"; },
     "restart",
     {"ForgetScheduledRestart"}},
    {"of_another_role",
     [](Scene& s) { restart_due(s.we_lead().primary()).seen.requests.scheduled_restart->role = "replica"; },
     "restart",
     {"ForgetScheduledRestart"}},
    {"with_nothing_pending",
     [](Scene& s) { restart_due(s.we_lead().primary()).seen.requests.scheduled_restart->only_pending = true; },
     "restart",
     {"ForgetScheduledRestart"}},
    {"of_a_version_that_is_new_enough",
     [](Scene& s) {
       restart_due(s.we_lead().primary()).seen.requests.scheduled_restart->below_version = 150002;
       s.seen.postgres.server_version = 150002;
     },
     "restart",
     {"ForgetScheduledRestart"}},
    {"waits_for_the_end_of_pause",
     [](Scene& s) { restart_due(s.b_leads().standby()).seen.settings.pause = true; },
     "paused",
     {}},
    {"within_its_own_time_only",
     [](Scene& s) {
       s.we_lead().primary().stopped(ControlState::shut_down).job(JobKind::start, JobState::running);
       s.memory.restarting = Restarting{.after_job = 6, .timeout = 1s};
       s.seen.job.as_primary = true;
     },
     "job",
     {"CancelJob"}},
};

INSTANTIATE_TEST_SUITE_P(Restart, Rules, ::testing::ValuesIn(known(restart_cases)), case_name);

}  // namespace
}  // namespace tamada::core::testing
