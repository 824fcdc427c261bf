#include "sim/story.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace tamada::sim {
namespace {

std::string text_of(const std::string& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> stories() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator("tests/stories")) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path().string());
  }
  std::ranges::sort(files);
  return files;
}

class Story : public ::testing::TestWithParam<std::string> {};

TEST_P(Story, HappensAsItIsTold) {
  const auto text = text_of(GetParam());
  const auto plan = parse_plan(text);
  ASSERT_TRUE(plan) << plan.error().what;
  const auto told = tell_story(*plan, {});
  ASSERT_TRUE(told) << told.error().what;
  EXPECT_EQ(format_plan(*told), text) << "If that is how it should be: tamada-sim --rewrite " << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Stories, Story, ::testing::ValuesIn(stories()),
                         [](const auto& info) { return std::filesystem::path(info.param).stem().string(); });

TEST(Plan, SaysWhatIsWrong) {
  const auto bad = parse_plan("cluster nodes\n");
  ASSERT_FALSE(bad);
  EXPECT_TRUE(bad.error().what.contains("line 1")) << bad.error().what;
  auto plan = parse_plan("run 1s\nfly to the moon\n");
  ASSERT_TRUE(plan);
  const auto told = tell_story(*plan, {});
  ASSERT_FALSE(told);
  EXPECT_TRUE(told.error().what.contains("line 2")) << told.error().what;
}

}  // namespace
}  // namespace tamada::sim
