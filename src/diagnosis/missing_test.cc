#include "diagnosis/missing.h"

#include <gtest/gtest.h>

namespace tamada::diagnosis {
namespace {

using namespace std::chrono_literals;

std::string missing_of(const core::ClusterView& view) {
  std::string text;
  for (const auto& one : missing_members(view))
    text += (text.empty() ? "" : ", ") + describe(one, core::WallTime(1000s));
  return text;
}

TEST(Missing, MembersThatOnlyOtherKeysName) {
  core::ClusterView view;
  EXPECT_EQ(missing_of(view), "");
  view.members["n0"].name = "n0";
  view.status = core::Status{.members = {{"n0", 0}, {"n1", 820}, {"n2", 0}}};
  EXPECT_EQ(missing_of(view), "n1 (its key in etcd has been gone for 3 min), n2 (it has no key in etcd)");
  view.status = core::Status{.retain_slots = {"n0", "n_3"}};  // if the leader runs Patroni, the key contains only its
                                                              // slots
  EXPECT_EQ(missing_of(view), "n_3 (it has no key in etcd)");
  view.failsafe = {{"n0", ""}, {"n-3", ""}};
  view.sync = core::SyncState{.leader = "n0", .standbys = {"n4"}};
  view.leader = core::Leader{.name = "n5"};
  EXPECT_EQ(missing_of(view), "n-3 (it has no key in etcd), n4 (it has no key in etcd), n5 (it has no key in etcd)");
}

}  // namespace
}  // namespace tamada::diagnosis
