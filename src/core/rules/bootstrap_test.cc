#include <gtest/gtest.h>

#include "core/testing/rule_cases.h"

namespace tamada::core::testing {
namespace {

const Case bootstrap_cases[] = {
    {"races_for_initialize",
     [](Scene& s) {
       s.nobody_leads().no_data();
       s.seen.cluster.initialize.reset();
       s.seen.cluster.members.clear();
     },
     "bootstrap",
     {"RaceInitialize"}},
    {"a_node_without_the_section_waits_for_a_leader",
     [](Scene& s) {
       s.nobody_leads().no_data();
       s.seen.cluster.initialize.reset();
       s.seen.cluster.members.clear();
       s.seen.settings.may_bootstrap = false;
     },
     "bootstrap",
     {}},
    {"or_is_made_of_a_backup",
     [](Scene& s) {
       s.nobody_leads().no_data();
       s.seen.cluster.initialize.reset();
       s.seen.cluster.members.clear();
       s.seen.settings.may_bootstrap = false;
       s.seen.settings.replica_without_leader = true;
     },
     "create_replica",
     {"StartJob basebackup"}},
    {"waits_while_another_bootstraps",
     [](Scene& s) {
       s.nobody_leads().no_data();
       s.seen.cluster.initialize = "";
       s.seen.cluster.initialize_lease = their_lease;
     },
     "bootstrap",
     {}},
    {"winner_runs_initdb",
     [](Scene& s) {
       s.nobody_leads().no_data();
       s.bootstrapping();
     },
     "bootstrap",
     {"StartJob bootstrap"}},
    {"done",
     [](Scene& s) {
       s.nobody_leads().primary().job(JobKind::bootstrap, JobState::succeeded);
       s.bootstrapping();
     },
     "bootstrap",
     {"WriteInitialize", "WriteConfig", "AcquireLeader"}},
    {"failed",
     [](Scene& s) {
       s.nobody_leads().no_data().job(JobKind::bootstrap, JobState::failed);
       s.bootstrapping();
     },
     "bootstrap",
     {"CancelInitialize", "RevokeLease", "Exit"}},
    {"never_while_the_cluster_exists", [](Scene& s) { s.nobody_leads().no_data(); }, "bootstrap", {}},
    {"unless_it_needs_no_leader",
     [](Scene& s) {
       s.nobody_leads().no_data();
       s.seen.settings.replica_without_leader = true;
     },
     "create_replica",
     {"StartJob basebackup"}},
    {"never_beside_a_member_with_data_whose_keys_were_wiped",
     [](Scene& s) {
       s.nobody_leads().no_data();
       s.seen.cluster.initialize.reset();
     },
     "bootstrap",
     {}},
    {"never_when_a_leader_was_known",
     [](Scene& s) {
       s.nobody_leads().no_data();
       s.seen.cluster.initialize.reset();
       s.seen.cluster.members.clear();
       s.memory.leadership.last_leader = "b";
       s.memory.leadership.unlocked_since = noon - 10min;
     },
     "bootstrap",
     {}},
    {"never_when_there_was_a_leader_that_we_do_not_know",
     [](Scene& s) {
       s.nobody_leads().no_data();
       s.seen.cluster.initialize.reset();
       s.seen.cluster.members.clear();
       s.memory.leadership.tenure = 7;
     },
     "bootstrap",
     {}},
    {"never_where_a_copy_was_to_come",
     [](Scene& s) {
       s.nobody_leads().no_data();
       s.seen.cluster.initialize.reset();
       s.seen.cluster.members.clear();
       s.seen.postgres.copy_follows = true;
     },
     "bootstrap",
     {}},
    {"nofailover_does_not_bootstrap",
     [](Scene& s) {
       s.nobody_leads().no_data();
       s.seen.cluster.initialize.reset();
       s.seen.settings.tags.nofailover = true;
     },
     "bootstrap",
     {}},
};

INSTANTIATE_TEST_SUITE_P(Bootstrap, Rules, ::testing::ValuesIn(known(bootstrap_cases)), case_name);

}  // namespace
}  // namespace tamada::core::testing
