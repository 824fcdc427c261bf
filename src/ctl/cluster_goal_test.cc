#include "ctl/cluster_goal.h"

#include <gtest/gtest.h>

namespace tamada::ctl {
namespace {

core::ClusterView healthy_cluster() {
  core::ClusterView view;
  view.members["n0"] = {.name = "n0", .state = "running", .role = "primary"};
  view.members["n1"] = {.name = "n1", .state = "running", .role = "replica", .replication_state = "streaming"};
  view.leader = core::Leader{.name = "n0"};
  return view;
}

TEST(ClusterGoal, SaysWhatIsMissing) {
  const auto why = [](const core::ClusterView& view, const char* goal) { return missing(view, *parse_goal(goal)); };
  auto view = healthy_cluster();
  for (const char* goal : {"healthy", "streaming", "no-pending-restart", "leader=n0"}) EXPECT_EQ(why(view, goal), "");
  EXPECT_EQ(why(view, "leader=n1"), "n0 leads");
  view.members["n1"].replication_state = "";
  view.members["n1"].pending_restart = true;
  EXPECT_EQ(why(view, "healthy"), "n1 is running, not streaming");
  EXPECT_EQ(why(view, "streaming"), "n1 is running, not streaming");
  EXPECT_EQ(why(view, "no-pending-restart"), "n1 waits for a restart");
  view.members["n0"].role = "replica";
  EXPECT_EQ(why(view, "leader=n0"), "n0 is not promoted yet");
  view.members["n0"].state = "stopped";
  EXPECT_EQ(why(view, "healthy"), "n0 leads, and is stopped");
  view.leader.reset();
  EXPECT_EQ(why(view, "healthy"), "nobody leads");
  EXPECT_EQ(why({}, "streaming"), "the cluster has no members");
  EXPECT_FALSE(parse_goal("leader="));
  EXPECT_FALSE(parse_goal("well"));
}

}  // namespace
}  // namespace tamada::ctl
