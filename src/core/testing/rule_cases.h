// For tests: a table of scenes, each with the rule that has to decide in it and the actions that this rule has to ask
// for.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/testing/scene.h"

namespace tamada::core::testing {

using ActionNames = std::vector<std::string>;

struct Case {
  const char* name;
  std::function<void(Scene&)> facts;
  std::string rule;
  ActionNames action_names;
};

// The cases of all tables that were given to known(), for tests of properties that hold in each scene.
inline std::vector<Case>& all_cases() {
  static std::vector<Case> cases;
  return cases;
}
inline std::span<const Case> known(std::span<const Case> cases) {
  all_cases().insert(all_cases().end(), cases.begin(), cases.end());
  return cases;
}

// To be used as INSTANTIATE_TEST_SUITE_P(Leader, Rules, ::testing::ValuesIn(known(leader_cases)), case_name);
class Rules : public ::testing::TestWithParam<Case> {};
inline std::string case_name(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

inline FailoverRequest request(std::string leader, std::string candidate) {
  FailoverRequest r;
  r.leader = std::move(leader);
  r.candidate = std::move(candidate);
  r.revision = 60;
  return r;
}

inline UpstreamView upstream_b(Timeline timeline, Lsn fork) {
  UpstreamView view;
  view.member = "b";
  view.reachable = true;
  view.in_recovery = false;
  view.timeline = timeline;
  view.history = {{.timeline = 1, .lsn = fork}};
  view.asked_at = noon;
  return view;
}

inline UpstreamView own(Timeline timeline, Lsn lsn) {
  UpstreamView view;
  view.reachable = true;
  view.timeline = timeline;
  view.lsn = lsn;
  return view;
}

}  // namespace tamada::core::testing
