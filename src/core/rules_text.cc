#include "core/rules_text.h"

#include "core/decide.h"

namespace tamada::core {

std::string rules_markdown() {
  std::string text =
      "# The rules, in the order in which they are asked\n\n"
      "The first that answers decides; its name and reason are in the log. Made from the table in "
      "`src/core/decide.cc`;\n"
      "`build/release/bin/core_test --gtest_filter=RulesText.*` fails, and prints the text, when this file is "
      "outdated.\n\n"
      "| Rule | What it does |\n|---|---|\n";
  for (const auto& rule : rule_table()) {
    text += "| `" + std::string(rule.name) + "` | " + std::string(rule.what) + " |\n";
  }
  return text;
}

}  // namespace tamada::core
