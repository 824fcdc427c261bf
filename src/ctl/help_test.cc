#include "ctl/help.h"

#include <gtest/gtest.h>

#include "ctl/command_tree.h"

namespace tamada::ctl {
namespace {

// The error for a wrong command line, without the two lines of usage.
std::string error_of(std::vector<std::string> words) {
  CommandTree tree("tamadactl");
  std::ranges::reverse(words);  // CLI11 expects the words in this order
  try {
    tree.app().parse(words);
  } catch (const CLI::ParseError& error) {
    const auto text = usage_error(tree.app(), error);
    const auto at = text.find("\n\n");
    return at == text.npos ? text : text.substr(at + 2);
  }
  return "";
}

TEST(UsageError, InTheWordsOfClick) {
  EXPECT_EQ(error_of({"restart"}), "Error: Missing argument 'CLUSTER_NAME'.\n");
  EXPECT_EQ(error_of({"flush", "a", "b"}),
            "Error: Invalid value for '{restart|switchover}': 'b' is not one of 'restart', 'switchover'.\n");
  EXPECT_EQ(error_of({"list", "-f", "xx"}),
            "Error: Invalid value for '--format' / '-f': 'xx' is not one of 'pretty', 'tsv', 'json', 'yaml', 'yml'.\n");
  EXPECT_EQ(error_of({"list", "--nope"}), "Error: No such option: --nope\n");
  EXPECT_EQ(error_of({"foo"}), "Error: No such command 'foo'.\n");
  EXPECT_EQ(error_of({"lsit"}), "Error: No such command 'lsit'.\nHint: did you mean list?\n");
  EXPECT_EQ(error_of({"swithcover"}), "Error: No such command 'swithcover'.\nHint: did you mean switchover?\n");
  EXPECT_EQ(error_of({"restart", "demo", "--forec"}), "Error: No such option: --forec Did you mean --force?\n");
  EXPECT_EQ(error_of({"restart", "demo", "--pendin"}), "Error: No such option: --pendin Did you mean --pending?\n");
  EXPECT_EQ(error_of({"pause", "a", "b"}), "Error: Got unexpected extra argument (b)\n");
  EXPECT_EQ(error_of({"dsn", "-m"}), "Error: Option '--member' requires an argument.\n");
}

TEST(CommandLine, EveryFormIsAccepted) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"flush", "demo", "n1", "n2", "restart"},
           {"flush", "demo", "switchover"},
           {"edit-config", "-s", "a=1", "-p", "b=2", "demo"},
           {"edit-config", "demo", "--set", "a=1", "--force"},
           {"query", "-c", "select 1", "-d", "db", "-U", "me", "demo", "-f", "x.sql"},
           {"-c", "file", "-d", "etcd3://x", "-k", "list", "a", "b", "-e", "-t", "-w", "0.5"},
           {"switchover", "--primary", "n1", "--force", "--candidate", "n2"},
           {"demote-cluster", "--host", "h", "--port", "5432", "--force"},
           {"reinit", "demo", "n1", "--force", "--from-leader", "--wait"},
       }) {
    EXPECT_EQ(error_of(words), "") << words[0];
  }
}

TEST(Help, ListsArgumentsAsClick) {
  CommandTree tree("tamadactl");
  const auto text = tree.app().get_subcommand("restart")->help();
  EXPECT_TRUE(
      text.starts_with("Usage: tamadactl restart [OPTIONS] CLUSTER_NAME [MEMBER_NAMES]...\n\n"
                       "  Restart cluster member\n\nOptions:\n"))
      << text;
  EXPECT_NE(text.find("  -r, --role [leader|primary|standby-leader|replica|standby|any]\n"
                      "                                  Restart only members with this role\n"),
            text.npos)
      << text;
}

}  // namespace
}  // namespace tamada::ctl
