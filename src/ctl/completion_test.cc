#include "ctl/completion.h"

#include <gtest/gtest.h>

#include "ctl/command_tree.h"
#include "ctl/help.h"

namespace tamada::ctl {
namespace {

TEST(Generated, KnowsEveryCommandAndOption) {
  CommandTree tree("tamadactl");
  const auto& root = tree.app();
  const auto bash = bash_completion(root), zsh = zsh_completion(root), fish = fish_completion(root),
             manual = manual_page(root);
  EXPECT_GE(commands_of(root).size(), 25U);
  for (const auto* command : commands_of(root)) {
    for (const auto& text : {bash, zsh, fish}) EXPECT_NE(text.find(command->get_name()), text.npos);
    for (const auto& option : options_of(*command)) {
      for (const auto& name : option.names) {
        EXPECT_NE(bash.find(name), bash.npos) << name;
        EXPECT_NE(zsh.find(name + "["), zsh.npos) << name;
        const auto in_fish = name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
        EXPECT_NE(fish.find(in_fish), fish.npos) << name;
      }
      EXPECT_TRUE(option.help != "" && !option.names.empty()) << command->get_name();
    }
  }
  EXPECT_NE(manual.find(".SS restart [OPTIONS] CLUSTER_NAME [MEMBER_NAMES]...\n"), manual.npos);
  EXPECT_NE(manual.find("\\fB\\-\\-from\\-leader\\fR"), manual.npos);
}

}  // namespace
}  // namespace tamada::ctl
