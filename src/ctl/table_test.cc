#include "ctl/table.h"

#include <gtest/gtest.h>

#include "ctl/terminal.h"

namespace tamada::ctl {
namespace {

const std::vector<std::string> columns = {"Member", "Receive LSN", "Lag"};
const std::vector<std::vector<std::string>> rows = {{"n0", "", ""}, {"n1", "0/4000060", "12"}};

TEST(Width, IsThatOfATerminal) {
  EXPECT_EQ(width_of("n1"), 2U);
  EXPECT_EQ(width_of("ü"), 1U);
  EXPECT_EQ(width_of("u\u0308"), 1U);  // a combining diaeresis
  EXPECT_EQ(width_of("一号"), 4U);
  EXPECT_EQ(width_of("\xff\xfe"), 2U);  // not UTF-8
  EXPECT_EQ(width_of("\033[32mLeader\033[0m"), 6U);
  EXPECT_EQ(wrap_words("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrap_words("one two three", 0), (std::vector<std::string>{"one two three"}));
  EXPECT_EQ(fit("一号", 3), "一");
  EXPECT_EQ(fit("abc", 9), "abc");
}

TEST(PrettyTable, WideCharactersKeepTheBordersInLine) {
  EXPECT_EQ(pretty_table(" 集群 ", {"Member"}, {{"一号"}, {"n2"}}, {}),
            "+ 集群 --+\n| Member |\n+--------+\n| 一号   |\n| n2     |\n+--------+\n");
}

TEST(PrettyTable, FitsANarrowTerminal) {
  const std::string whole = "+ demo --+-------------+-----+\n";
  EXPECT_TRUE(pretty_table(" demo ", columns, rows, {"Lag"}, 30).starts_with(whole));
  EXPECT_EQ(pretty_table(" demo ", columns, rows, {"Receive LSN", "Lag"}, 29),
            " demo\n"
            "         Receive\n"
            "Member       LSN Lag\n"
            "------ --------- ---\n"
            "n0\n"
            "n1     0/4000060  12\n");
  EXPECT_EQ(
      pretty_table(" demo ", columns, rows, {"Lag"}, 19, {{1}}),
      "+ demo --+-----+\n| Member | Lag |\n+--------+-----+\n| n0     |     |\n| n1     |  12 |\n+--------+-----+\n");
  EXPECT_EQ(pretty_table(" demo ", columns, rows, {"Lag"}, 11, {{0}, {1}}),
            " demo\nMember Lag\n------ ---\nn0\nn1      12\n");
  EXPECT_EQ(pretty_table(" demo ", columns, rows, {"Lag"}, 19),
            " demo\n+ n0\n+ n1\n| Receive LSN 0/4000060\n| Lag         12\n");
}

TEST(Tables, ATextOfSeveralLinesKeepsItsLines) {
  const Table table{.title = " demo ", .columns = {"Member", "Reason"}, .rows = {{"n1", "a: 1->2\nb: 3->4"}}};
  const std::string drawn =
      "+ demo --+---------+\n| Member | Reason  |\n+--------+---------+\n| n1     | a: 1->2 |\n"
      "|        | b: 3->4 |\n+--------+---------+\n";
  EXPECT_EQ(format_table(table, Format::pretty), drawn);
  EXPECT_EQ(format_table(table, Format::topology), drawn);
  EXPECT_EQ(format_table(table, Format::tsv), "Member\tReason\nn1\ta: 1->2\\nb: 3->4\n");
}

TEST(Terminal, ControlCharactersOfForeignTextsAreRemoved) {
  EXPECT_EQ(printable("n1\x1b[2J\n\t\a\x7f é"), "n1\\x1b[2J\\n\\t\\x07\\x7f é");
  EXPECT_EQ(shown("\x1b[31mred\x1b[0m\n\ta\x1b[8mb\x1b]0;t\x07\r"),
            "\x1b[31mred\x1b[0m\n\ta\\x1b[8mb\\x1b]0;t\\x07\\x0d");
}

TEST(Tables, EscapeSequencesInNamesAreRemoved) {
  const Table table{.title = " Cluster: \x1b[2J ", .columns = {"Member"}, .rows = {{"n1\x1b[8m"}, {"a\tb\nc"}}};
  EXPECT_EQ(format_table(table, Format::tsv), "Member\nn1\\x1b[8m\na\\tb\\nc\n");
  for (const auto format : {Format::pretty, Format::topology, Format::json, Format::yaml, Format::tsv}) {
    EXPECT_FALSE(format_table(table, format).contains('\x1b'));
  }
}

}  // namespace
}  // namespace tamada::ctl
