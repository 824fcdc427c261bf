// Prints help and usage errors of the command tree as click prints them for patronictl.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace tamada::ctl {

// The text of one option for the help.
struct OptionText {
  std::vector<std::string> names;  // "-f", "--format"
  std::string value;               // "TEXT", "[pretty|tsv]"; empty for a flag
  std::string help;
  std::vector<std::string> choices;  // the allowed values, if the value is one of a list
};
std::vector<OptionText> options_of(const CLI::App& command);
// The part of the usage after the program's name: "restart [OPTIONS] CLUSTER_NAME [MEMBER_NAMES]...".
std::string synopsis(const CLI::App& command);
// The commands in the order of their names, as click lists them.
std::vector<const CLI::App*> commands_of(const CLI::App& root);

class HelpFormatter final : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

std::string usage_error(const CLI::App& root, const CLI::ParseError& error);

}  // namespace tamada::ctl
