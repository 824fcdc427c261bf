#include "core/slots.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/slot_plan.h"
#include "core/testing/scene.h"

namespace tamada::core::testing {
namespace {

TEST(Slots, NamesAsPatroniMakesThem) {
  EXPECT_EQ(slot_name("postgres-0"), "postgres_0");
  EXPECT_EQ(slot_name("Node.A_1"), "node_a_1");
  EXPECT_EQ(slot_name("a b"), "au0032b");
  EXPECT_EQ(slot_name("\xc3\xa9"), "u0233");
  EXPECT_EQ(slot_name(std::string(80, 'x')), std::string(63, 'x'));
}

TEST(Slots, LogicalConsumersWaitForAllSynchronousStandbys) {
  EXPECT_EQ(synchronized_standby_slots(""), "");
  EXPECT_EQ(synchronized_standby_slots("*"), "");
  EXPECT_EQ(synchronized_standby_slots(strict_placeholder), "");
  EXPECT_EQ(synchronized_standby_slots("n2"), "n2");
  EXPECT_EQ(synchronized_standby_slots("2 (\"Node-1\",n2)"), "n2,node_1");
  EXPECT_EQ(synchronized_standby_slots("ANY 1 (n1,n2)"), "n1,n2");
}

TEST(Slots, CascadeFollowsTheChain) {
  Scene scene;
  scene.b_leads();
  auto& members = scene.seen.cluster.members;
  EXPECT_EQ(upstream_of(scene.seen.cluster, scene.seen.presumed_primary(), members["c"]), "b");
  members["c"].tags.replicatefrom = "a";
  EXPECT_EQ(upstream_of(scene.seen.cluster, scene.seen.presumed_primary(), members["c"]), "a");
  members["a"].state = "stopped";
  EXPECT_EQ(upstream_of(scene.seen.cluster, scene.seen.presumed_primary(), members["c"]),
            "b");  // falls back to the leader
  members["a"].state = "running";
  members["a"].tags.replicatefrom = "c";
  EXPECT_EQ(upstream_of(scene.seen.cluster, scene.seen.presumed_primary(), members["c"]),
            "b");  // a loop never reaches the leader
}

// What plan_slots asks for, in one line: "+created -dropped >advanced:to".
std::string told(const Actions& actions) {
  std::string text;
  const auto add = [&text](const std::string& word) { text += (text.empty() ? "" : " ") + word; };
  for (const auto& action : actions) {
    if (const auto* sync = std::get_if<SyncSlots>(&action)) {
      for (const auto& slot : sync->drop) add("-" + slot.name);
      for (const auto& slot : sync->create) add("+" + slot.name + (slot.physical ? "" : "(logical)"));
    }
    if (const auto* advance = std::get_if<AdvanceSlots>(&action)) {
      for (const auto& slot : advance->slots) add(">" + slot.name + ":" + std::to_string(slot.to));
    }
  }
  return text;
}

struct SlotsCase {
  const char* name;
  std::function<void(Scene&)> facts;
  std::string plan;
};

class SlotPlans : public ::testing::TestWithParam<SlotsCase> {};

TEST_P(SlotPlans, Plan) {
  Scene scene;
  scene.seen.cluster.status = Status{.optime = 1000};
  GetParam().facts(scene);
  EXPECT_EQ(told(plan_slots(scene.seen, scene.memory.slots)), GetParam().plan);
}

std::vector<SlotView>& slots(Scene& scene) { return scene.seen.postgres.sql->slots; }

PermanentSlot logical() { return {.physical = false, .database = "d", .plugin = "p"}; }
SlotView logical_slot(Lsn lsn, const char* plugin = "p") {
  return {.name = "l", .physical = false, .restart_lsn = lsn, .database = "d", .plugin = plugin};
}

const SlotsCase members_cases[] = {
    {"nothing_to_do", [](Scene& s) { s.we_lead().primary(); }, ""},
    {"a_slot_for_every_other_member",
     [](Scene& s) {
       s.we_lead().primary();
       slots(s).clear();
     },
     "+b +c"},
    {"on_standbys_too",
     [](Scene& s) {
       s.b_leads().standby();
       slots(s).clear();
     },
     "+b +c"},
    {"not_for_nostream",
     [](Scene& s) {
       s.we_lead().primary();
       slots(s).clear();
       s.seen.cluster.members["c"].tags.nostream = true;
     },
     "+b"},
    {"a_node_that_never_leads_has_those_of_its_cascade",
     [](Scene& s) {
       s.b_leads().standby();
       slots(s).clear();
       s.seen.settings.tags.nofailover = true;
       s.seen.cluster.members["c"].tags.replicatefrom = "a";
     },
     "+c"},
    {"without_retention_only_those_in_use",
     [](Scene& s) {
       s.b_leads().standby();
       slots(s).clear();
       s.seen.settings.member_slots_ttl = 0s;
     },
     ""},
    {"before_11_only_those_in_use",
     [](Scene& s) {
       s.b_leads().standby();
       slots(s).clear();
       s.seen.postgres.server_version = 100000;
     },
     ""},
    {"no_slots_wanted_at_all",
     [](Scene& s) {
       s.we_lead().primary();
       slots(s).clear();
       s.seen.settings.use_slots = false;
     },
     ""},
    {"the_configuration_is_unknown",
     [](Scene& s) {
       s.we_lead().primary();
       slots(s).clear();
       s.seen.cluster.config_json.reset();
     },
     ""},
    {"the_last_change_goes_on",
     [](Scene& s) {
       s.we_lead().primary();
       slots(s).clear();
       s.seen.slots_busy = true;
     },
     ""},
    {"a_vanished_member_is_kept_by_the_leaders_word",
     [](Scene& s) {
       s.b_leads().standby();
       s.seen.cluster.members.erase("c");
       s.seen.cluster.status->retain_slots = {"a", "b", "c"};
     },
     ""},
    {"a_vanished_member_is_forgotten",
     [](Scene& s) {
       s.b_leads().standby();
       s.seen.cluster.members.erase("c");
     },
     "-c"},
    {"nobody_knows_who_vanished",
     [](Scene& s) {
       s.b_leads().standby();
       s.seen.cluster.members.erase("c");
       s.seen.cluster.status.reset();
     },
     ""},
    {"a_standby_moves_them_along_but_not_beyond_its_replay",
     [](Scene& s) {
       s.b_leads().standby(500);
       s.seen.postgres.sql->replay_lsn = 400;
       for (auto& slot : slots(s)) slot.restart_lsn = 100;
       s.seen.cluster.status->slots = {{"b", 500}, {"c", 300}};
     },
     ">b:400 >c:300"},
    {"a_primary_keeps_what_a_direct_standby_needs",
     [](Scene& s) {
       s.we_lead().primary();
       for (auto& slot : slots(s)) slot.restart_lsn = 100;
       s.seen.cluster.members["b"].xlog_location = 900;
       s.seen.cluster.members["c"].xlog_location = 800;
       s.seen.cluster.members["c"].tags.replicatefrom = "b";
     },
     ">c:800"},
};
INSTANTIATE_TEST_SUITE_P(Members, SlotPlans, ::testing::ValuesIn(members_cases),
                         [](const auto& i) { return i.param.name; });

const SlotsCase judged_cases[] = {
    {"unknown_is_dropped",
     [](Scene& s) {
       s.we_lead().primary();
       slots(s).push_back({.name = "x", .restart_lsn = 1});
     },
     "-x"},
    {"made_by_a_client_since",
     [](Scene& s) {
       s.we_lead().primary();
       s.memory.slots.surveyed = true;
       slots(s).push_back({.name = "x", .restart_lsn = 1});
     },
     ""},
    {"not_in_pause",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.settings.pause = true;
       slots(s).push_back({.name = "x", .restart_lsn = 1});
     },
     ""},
    {"ignored_by_name",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.settings.ignore_slots = {{.name = "x", .type = {}, .database = {}, .plugin = {}}};
       slots(s).push_back({.name = "x", .restart_lsn = 1});
     },
     ""},
    {"ignored_only_as_a_whole",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.settings.ignore_slots = {{.name = "l", .type = "logical", .database = "other", .plugin = {}}};
       slots(s).push_back(logical_slot(1));
     },
     "-l"},
    {"ignored_by_plugin",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.settings.ignore_slots = {{.name = {}, .type = "logical", .database = {}, .plugin = "p"}};
       slots(s).push_back(logical_slot(1));
     },
     ""},
    {"postgres_17_looks_after_its_own",
     [](Scene& s) {
       s.we_lead().primary();
       slots(s).push_back({.name = "x", .physical = false, .failover = true});
     },
     ""},
    {"but_a_former_primarys_is_in_the_way",
     [](Scene& s) {
       s.b_leads().standby();
       slots(s).push_back({.name = "x", .physical = false, .failover = true});
     },
     "-x"},
    {"lost_is_made_anew",
     [](Scene& s) {
       s.we_lead().primary();
       slots(s)[0].lost = true;
     },
     "-b +b"},
    {"feedback_of_nobody_is_dropped",
     [](Scene& s) {
       s.b_leads().standby();
       slots(s)[1].holds_xmin = true;
     },
     "-c +c"},
    {"feedback_of_somebody_is_kept",
     [](Scene& s) {
       s.we_lead().primary();
       slots(s)[1].holds_xmin = true;
     },
     ""},
    {"an_outsiders_without_position",
     [](Scene& s) {
       s.b_leads().standby();
       slots(s)[1].restart_lsn.reset();
     },
     "-c +c"},
};
INSTANTIATE_TEST_SUITE_P(Judged, SlotPlans, ::testing::ValuesIn(judged_cases),
                         [](const auto& i) { return i.param.name; });

const SlotsCase permanent_cases[] = {
    {"made_on_the_primary",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.settings.slots = {{"l", logical()}, {"p", {}}};
     },
     "+l(logical) +p"},
    {"a_standby_makes_the_physical_one",
     [](Scene& s) {
       s.b_leads().standby();
       s.seen.settings.slots = {{"l", logical()}, {"p", {}}};
     },
     "+p"},
    {"not_for_ourselves",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.settings.slots = {{"a", {}}};
     },
     ""},
    {"not_where_nobody_leads",
     [](Scene& s) {
       s.b_leads().standby();
       s.seen.settings.slots = {{"p", {}}};
       s.seen.settings.tags.nofailover = true;
       slots(s).clear();
     },
     ""},
    {"of_another_kind",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.settings.slots = {{"l", logical()}};
       slots(s).push_back(logical_slot(1, "q"));
     },
     "-l +l(logical)"},
    {"of_the_other_cluster_type",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.settings.slots = {{"p", {.cluster_type = "standby"}}, {"q", {.cluster_type = "primary"}}};
     },
     "+q"},
    {"no_logical_ones_in_a_standby_cluster",
     [](Scene& s) {
       s.we_lead().standby();
       s.seen.settings.standby_cluster = core::StandbyCluster{.host = "h"};
       s.seen.settings.slots = {
           {"l", logical()}, {"p", {.cluster_type = "standby"}}, {"q", {.cluster_type = "primary"}}};
     },
     "+p"},
    {"a_standby_moves_them_along",
     [](Scene& s) {
       s.b_leads().standby(500);
       s.seen.postgres.sql->replay_lsn = 400;
       s.seen.settings.slots = {{"l", logical()}, {"p", {}}};
       s.seen.cluster.status->slots = {{"l", 450}, {"p", 300}};
       slots(s).push_back(logical_slot(100));
       slots(s).push_back({.name = "p", .restart_lsn = 100});
     },
     ">l:400 >p:300"},
    {"the_primary_leaves_them_to_their_users",
     [](Scene& s) {
       s.we_lead().primary();
       s.seen.settings.slots = {{"l", logical()}, {"p", {}}};
       s.seen.cluster.status->slots = {{"l", 450}, {"p", 300}};
       slots(s).push_back(logical_slot(100));
       slots(s).push_back({.name = "p", .restart_lsn = 100});
     },
     ""},
};
INSTANTIATE_TEST_SUITE_P(Permanent, SlotPlans, ::testing::ValuesIn(permanent_cases),
                         [](const auto& i) { return i.param.name; });

TEST(Slots, AFailedChangeIsRepeatedWithGrowingPauses) {
  Scene scene;
  scene.we_lead().primary();
  slots(scene).clear();
  auto plan = plan_slots(scene.seen, scene.memory.slots);
  EXPECT_EQ(told(plan), "+b +c");
  for (const Duration pause : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    scene.seen.now += pause - 1ms;
    plan = plan_slots(scene.seen, scene.memory.slots);
    EXPECT_EQ(told(plan), "");
    scene.seen.now += 1ms;
    plan = plan_slots(scene.seen, scene.memory.slots);
    EXPECT_EQ(told(plan), "+b +c");
  }
  // Another change than the failed one may be tried at once.
  slots(scene).push_back({.name = "b", .restart_lsn = 1000});
  EXPECT_EQ(told(plan_slots(scene.seen, scene.memory.slots)), "+c");
}

TEST(Slots, TheLeaderKeepsThoseOfVanishedMembersForTheirTtl) {
  Scene scene;
  scene.we_lead().primary();
  scene.seen.cluster.status = Status{.optime = 1, .retain_slots = {"gone"}};
  scene.seen.settings.slots = {{"c", {}}};
  auto status = status_now(scene.seen, scene.memory.leadership.tenure, scene.memory.slots);
  EXPECT_EQ(status.retain_slots, (std::vector<std::string>{"a", "b", "gone"}));  // c is permanent
  EXPECT_EQ(status.slots, (std::map<std::string, Lsn>{{"a", 1000}, {"b", 1000}, {"c", 1000}}));
  scene.seen.cluster.members.erase("b");
  scene.seen.cluster.status = status;
  scene.seen.now += 29min;
  EXPECT_EQ(status_now(scene.seen, scene.memory.leadership.tenure, scene.memory.slots).retain_slots,
            (std::vector<std::string>{"a", "b", "gone"}));
  EXPECT_EQ(told(plan_slots(scene.seen, scene.memory.slots)), "+gone");
  scene.seen.now += 1min;
  scene.seen.cluster.status = status_now(scene.seen, scene.memory.leadership.tenure, scene.memory.slots);
  EXPECT_EQ(scene.seen.cluster.status->retain_slots, (std::vector<std::string>{"a"}));
  scene.memory.slots.surveyed = false;
  EXPECT_EQ(told(plan_slots(scene.seen, scene.memory.slots)), "-b");
}

TEST(Slots, AStandbyCopiesLogicalOnes) {
  Scene scene;
  scene.b_leads().standby();
  scene.seen.settings.slots = {{"l", logical()}};
  scene.seen.cluster.status = Status{.optime = 1};
  EXPECT_TRUE(slots_to_copy(scene.seen).empty());  // the slot does not exist on the primary yet
  scene.seen.cluster.status->slots["l"] = 100;
  EXPECT_EQ(slots_to_copy(scene.seen), (std::vector<SlotSpec>{{"l", false, "d", "p"}}));
  EXPECT_EQ(action_names(scene.decide()), (std::vector<std::string>{"StartJob copy of logical slots"}));
  auto downstream = scene;
  downstream.seen.settings.tags.replicatefrom = "c";
  EXPECT_EQ(slots_to_copy(downstream.seen).size(), 1u);
  downstream.seen.cluster.members["c"].tags.nostream = true;
  EXPECT_TRUE(slots_to_copy(downstream.seen).empty());
  scene.seen.settings.tags.nofailover = true;
  EXPECT_TRUE(slots_to_copy(scene.seen).empty());
}

TEST(Slots, FeedbackWhereLogicalSlotsNeedIt) {
  Scene scene;
  scene.b_leads().standby();
  EXPECT_FALSE(needs_feedback(scene.seen));
  scene.seen.settings.slots = {{"l", logical()}};
  EXPECT_TRUE(needs_feedback(scene.seen));
  scene.seen.settings.tags.nofailover = true;
  EXPECT_FALSE(needs_feedback(scene.seen));
  scene.seen.cluster.members["c"].tags.replicatefrom = "a";  // c streams through this node, and so does its feedback
  EXPECT_TRUE(needs_feedback(scene.seen));
  scene.seen.settings.tags.nostream = true;
  EXPECT_FALSE(needs_feedback(scene.seen));
}

TEST(Slots, FeedbackReachesThePrimaryThroughTheHeadOfTheCascade) {
  Scene scene;
  scene.b_leads().standby();
  EXPECT_EQ(slot_on_primary(scene.seen), "a");
  scene.seen.settings.tags.replicatefrom = "b";
  EXPECT_EQ(slot_on_primary(scene.seen), "a");
  scene.seen.settings.tags.replicatefrom = "c";
  EXPECT_EQ(slot_on_primary(scene.seen), "c");
  scene.seen.settings.tags.replicatefrom = "nobody";
  EXPECT_EQ(slot_on_primary(scene.seen), "a");
}

}  // namespace
}  // namespace tamada::core::testing
