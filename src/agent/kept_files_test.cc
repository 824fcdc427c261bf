#include "agent/kept_files.h"

#include <gtest/gtest.h>

namespace tamada::agent {
namespace {

TEST(KeptFiles, TheMembersSurvive) {
  std::map<std::string, core::Member> members;
  members["n1"].api_url = "http://10.0.0.1:8008/patroni";
  members["n2"].api_url = "http://10.0.0.2:8008/patroni";
  members["n3"];  // has no API address
  const auto again = read_members("/service/demo/", members_text("/service/demo/", members));
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again.at("n2").name, "n2");
  EXPECT_EQ(again.at("n2").api_url, "http://10.0.0.2:8008/patroni");
  // The data directory was taken out of one cluster and became the first node of another.
  EXPECT_TRUE(read_members("/service/other/", members_text("/service/demo/", members)).empty());
}

TEST(KeptFiles, TheTextFollowsTheMembers) {
  std::map<std::string, core::Member> members;
  MembersText text("/service/demo/");
  EXPECT_EQ(text.of(members), members_text("/service/demo/", members));
  members["n1"].api_url = "http://10.0.0.1:8008/patroni";
  EXPECT_EQ(text.of(members), members_text("/service/demo/", members));
  members["n1"].api_url = "http://10.0.0.9:8008/patroni";
  EXPECT_EQ(text.of(members), members_text("/service/demo/", members));
  members.clear();
  EXPECT_EQ(text.of(members), members_text("/service/demo/", members));
}

TEST(KeptFiles, AnInvalidFileNamesNoMember) {
  for (const char* text : {"", "{", "[]", "null", "{\"n1\": 5", "{\"members\": 5}"})
    EXPECT_TRUE(read_members("", text).empty()) << text;
}

}  // namespace
}  // namespace tamada::agent
