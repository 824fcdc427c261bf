#include "core/rules_text.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace tamada::core {

TEST(RulesText, DocumentIsCurrent) {
  std::ifstream file("docs/rules.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), rules_markdown());
}

}  // namespace tamada::core
