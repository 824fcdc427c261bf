#include <gtest/gtest.h>

#include "core/testing/rule_cases.h"

namespace tamada::core::testing {
namespace {

TEST(ForeignData, AStoppedServerWhoseControlFileCouldNotBeReadWaits) {
  auto scene = Scene().b_leads().stopped();
  scene.seen.postgres.control.reset();
  scene.seen.postgres.system_identifier.clear();
  const auto decision = scene.decide();
  EXPECT_EQ(decision.rule, "foreign_data");
  EXPECT_EQ(action_names(decision), ActionNames{});
  EXPECT_EQ(decision.wake_at, noon + 1s);
}

}  // namespace
}  // namespace tamada::core::testing
