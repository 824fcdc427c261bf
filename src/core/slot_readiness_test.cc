#include "core/slot_readiness.h"

#include <gtest/gtest.h>

#include "core/testing/scene.h"

namespace tamada::core::testing {
namespace {

struct ReadinessScene : Scene {
  ReadinessScene() {
    b_leads().standby();
    seen.settings.slots = {{"l", PermanentSlot{.physical = false, .database = "d", .plugin = "p"}}};
    seen.cluster.status = Status{.optime = 1000, .slots = {{"l", 900}}};
    seen.postgres.feedback_enforced = true;
    copy().catalog_xmin = 750;
    memory.slots.surveyed = true;
    memory.slots.unproven["l"];
  }
  SlotView& copy() {
    auto& slots = seen.postgres.sql->slots;
    if (slots.size() < 3) {
      slots.push_back({.name = "l", .physical = false, .restart_lsn = 900, .database = "d", .plugin = "p"});
    }
    return slots.back();
  }
  ReadinessScene& answer(std::optional<Xid> feedback, std::optional<Xid> logical) {
    memory.slots.leader_asked_at = seen.leader_slots.asked_at = noon - 1s;
    seen.leader_slots.leader = "b";
    seen.leader_slots.catalog_xmins = {{"a", feedback}, {"l", logical}};
    return *this;
  }
};

TEST(SlotReadiness, AStandbyAsksTheLeaderOnceInLoopWait) {
  ReadinessScene scene;
  auto decision = scene.decide();
  const auto* ask = find<AskSlots>(decision);
  ASSERT_TRUE(ask);
  EXPECT_EQ(ask->leader.member, "b");
  EXPECT_EQ(ask->slots, (std::vector<std::string>{"a", "l"}));
  scene.memory = decision.memory;
  EXPECT_FALSE(find<AskSlots>(scene.decide()));
  scene.seen.now += scene.seen.settings.loop_wait;
  EXPECT_TRUE(find<AskSlots>(scene.decide()));
}

TEST(SlotReadiness, FoundAtTheStartOfTheServer) {
  ReadinessScene scene;
  scene.memory.slots.unproven.clear();
  EXPECT_FALSE(find<AskSlots>(scene.decide()));
  scene.memory.slots.surveyed = false;
  EXPECT_TRUE(find<AskSlots>(scene.decide()));
  scene.copy().failover = true;  // PostgreSQL itself takes care of it
  EXPECT_FALSE(find<AskSlots>(scene.decide()));
}

TEST(SlotReadiness, SafeOnceTheFeedbackHasPassedThePrimarysSlot) {
  struct Case {
    const char* what;
    std::optional<Xid> feedback, logical, here;
    bool safe;
  };
  const Case cases[] = {
      {"passed", 740, 735, 750, true},
      {"just so", 735, 735, 735, true},
      {"no feedback yet", {}, 735, 750, false},
      {"feedback from before the slot", 730, 735, 750, false},
      {"the copy needs older rows", 740, 735, 739, false},
      {"the copy has no number", 740, 735, {}, false},
      {"the leader has no such slot", 740, {}, 750, false},
      {"numbers have wrapped around", 10, 4294967290U, 20, true},
  };
  for (const auto& c : cases) {
    ReadinessScene scene;
    scene.answer(c.feedback, c.logical);
    scene.copy().catalog_xmin = c.here;
    const auto decision = scene.decide();
    const auto* tell = find<Tell>(decision);
    ASSERT_EQ(tell != nullptr, c.safe) << c.what;
    EXPECT_EQ(decision.memory.slots.unproven.empty(), c.safe) << c.what;
    if (tell) EXPECT_EQ(tell->text, "Logical slot l is safe to be used after a failover");
  }
}

// The primary's slot advances, but the catalog_xmin that it had when the feedback first came is the one that counts.
TEST(SlotReadiness, ThePrimarysNumberIsRemembered) {
  ReadinessScene scene;
  scene.answer(730, 735);
  scene.memory = scene.decide().memory;
  EXPECT_EQ(scene.memory.slots.unproven["l"], 735U);
  scene.answer(736, 760);
  EXPECT_TRUE(find<Tell>(scene.decide()));
}

TEST(SlotReadiness, APromotionBeforeThatIsWarnedOf) {
  ReadinessScene scene;
  scene.we_lead();
  const auto decision = scene.decide();
  EXPECT_EQ(action_names(decision), (std::vector<std::string>{"StartJob promote", "Tell"}));
  EXPECT_EQ(find<Tell>(decision)->text, "Logical replication slots that might be unsafe to use after promote: {'l'}");
  EXPECT_TRUE(decision.memory.slots.unproven.empty());
}

}  // namespace
}  // namespace tamada::core::testing
