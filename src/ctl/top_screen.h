// Makes the lines that `top` shows, cut to the terminal's size, as a pure function.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "ctl/member_facts.h"
#include "ctl/terminal.h"

namespace tamada::ctl {

enum class TopSort { name, role, lag, state };

struct TopState {
  std::string cluster, time;
  core::ClusterView view;
  std::vector<MemberFacts> members;
  std::deque<MemberEvent> events;  // oldest first
  double etcd_ms = 0;              // how long the last read of the cluster took
  std::string problem;             // why the last read failed; empty when it did not
  std::vector<std::string> notes;  // which parts of the picture are outdated because etcd did not answer
  TopSort sort = TopSort::role;
  bool reversed = false;
};

struct ScreenLine {
  std::string text;
  Colour colour = Colour::none;
};
std::vector<ScreenLine> top_screen(const TopState& state, const Size& size);

Json top_json(const TopState& state);

}  // namespace tamada::ctl
