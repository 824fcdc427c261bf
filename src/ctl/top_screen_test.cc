#include "ctl/top_screen.h"

#include <gtest/gtest.h>

namespace tamada::ctl {
namespace {

TopState state() {
  TopState state;
  state.cluster = "demo";
  state.time = "02:10:00";
  state.view.leader = core::Leader{.name = "n1"};
  state.view.status = core::Status{.optime = 0x5000000};
  for (const std::string name : {"n0", "n1", "号"}) {
    MemberFacts facts;
    facts.member = {.name = name, .state = "running", .role = name == "n1" ? "primary" : "replica"};
    facts.member.replication_state = name == "n1" ? "" : "streaming";
    facts.member.timeline = 7;
    facts.member.replay_lsn = name == "n0" ? 0x5000000 : 0x4000000;
    facts.explain = Json{{"lease_seconds_left", 27.3}, {"decision", {{"rule", "replica"}}}};
    state.view.members[name] = facts.member;
    state.members.push_back(facts);
  }
  for (int i = 0; i < 100; ++i) {
    state.events.push_back({.time = "2026-11-23T02:10:00Z",
                            .member = "n0",
                            .type = "decision",
                            .text = "number " + std::to_string(i) + std::string(200, 'x'),
                            .whole = {}});
  }
  return state;
}

std::string order(const TopState& of) {
  std::string names;
  for (const auto& member : top_json(of)["members"]) names += member["member"].get<std::string>() + " ";
  return names;
}

TEST(TopScreen, FitsEverySize) {
  for (const Size size : {Size{80, 24}, Size{200, 50}, Size{40, 10}, Size{10, 4}, Size{3, 1}}) {
    const auto lines = top_screen(state(), size);
    EXPECT_EQ(lines.size(), size.rows);
    for (const auto& line : lines) EXPECT_LE(width_of(line.text), size.columns) << line.text;
  }
}

TEST(TopScreen, ShowsMembersAndTheNewestEvents) {
  const auto lines = top_screen(state(), {.columns = 80, .rows = 24});
  EXPECT_EQ(lines[0].text, "02:10:00  demo  leader: n1  members: 3  etcd: 0.0 ms");
  EXPECT_EQ(lines[2].text, "MEMBER  ROLE     STATE      TL      LAG  LEASE  RULE   ");
  EXPECT_EQ(lines[3].text, "n1      leader   running     7             27s  replica");
  EXPECT_EQ(lines[4].text, "n0      replica  streaming   7      0 B    27s  replica");
  EXPECT_EQ(lines[5].text, "号      replica  streaming   7  16.0 MB    27s  replica");
  EXPECT_NE(lines[22].text.find("number 99"), std::string::npos) << lines[22].text;
}

TEST(TopScreen, AsJson) {
  EXPECT_EQ(
      top_json(state())["members"][0].dump(),
      R"({"member":"n1","role":"leader","state":"running","timeline":7,"lag":0,"lease_seconds_left":27.3,"rule":"replica"})");
}

TEST(TopScreen, Sorts) {
  auto by = state();
  EXPECT_EQ(order(by), "n1 n0 号 ");
  by.sort = TopSort::name;
  EXPECT_EQ(order(by), "n0 n1 号 ");
  by.sort = TopSort::lag;
  EXPECT_EQ(order(by), "号 n0 n1 ");
  by.reversed = true;
  EXPECT_EQ(order(by), "n1 n0 号 ");
}

}  // namespace
}  // namespace tamada::ctl
