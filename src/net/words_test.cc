#include "net/words.h"

#include <gtest/gtest.h>

namespace tamada::net {
namespace {

using Words = std::vector<std::string>;

TEST(SplitWords, AsShlexDoes) {
  const std::pair<const char*, Words> cases[] = {
      {"a b", {"a", "b"}},
      {"  a\t b\n", {"a", "b"}},
      {R"(a "b c" 'd "e')", {"a", "b c", "d \"e"}},
      {R"(a\ b "c\"d\\e\f" 'g\h')", {"a b", "c\"d\\e\\f", "g\\h"}},
      {R"(a'b'"c"d '' "")", {"abcd", "", ""}},
      {"sh -c 'echo $HOME > /x' #no", {"sh", "-c", "echo $HOME > /x", "#no"}},
  };
  for (const auto& [line, words] : cases) {
    const auto split = split_words(line);
    ASSERT_TRUE(split) << line;
    EXPECT_EQ(*split, words) << line;
  }
}

TEST(SplitWords, Refuses) {
  for (const auto* line : {"", "  ", "a 'b", "a \"b", "a \\"}) EXPECT_FALSE(split_words(line)) << line;
}

}  // namespace
}  // namespace tamada::net
