#include "agent/kept_files.h"

#include <gtest/gtest.h>

namespace tamada::agent {
namespace {

TEST(KeptFiles, TheMembersSurvive) {
  std::map<std::string, core::Member> members;
  members["n1"].api_url = "http://10.0.0.1:8008/patroni";
  members["n2"].api_url = "http://10.0.0.2:8008/patroni";
  members["n3"];  // nobody can be asked there
  const auto again = read_members(members_text(members));
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again.at("n2").name, "n2");
  EXPECT_EQ(again.at("n2").api_url, "http://10.0.0.2:8008/patroni");
}

TEST(KeptFiles, TheTextFollowsTheMembers) {
  std::map<std::string, core::Member> members;
  MembersText text;
  EXPECT_EQ(text.of(members), members_text(members));
  members["n1"].api_url = "http://10.0.0.1:8008/patroni";
  EXPECT_EQ(text.of(members), members_text(members));
  members["n1"].api_url = "http://10.0.0.9:8008/patroni";
  EXPECT_EQ(text.of(members), members_text(members));
  members.clear();
  EXPECT_EQ(text.of(members), members_text(members));
}

TEST(KeptFiles, WhatIsNoListNamesNobody) {
  for (const char* text : {"", "{", "[]", "null", "{\"n1\": 5"}) EXPECT_TRUE(read_members(text).empty()) << text;
}

}  // namespace
}  // namespace tamada::agent
