#include "ctl/help.h"

#include <fmt/format.h>

#include <algorithm>

namespace tamada::ctl {
namespace {

constexpr std::size_t width = 78, names_width_max = 30;  // as click has them

std::vector<std::string> split_choices(std::string type) {
  std::vector<std::string> choices;
  if (!type.starts_with('[') || !type.ends_with(']') || !type.contains('|')) return choices;
  type = type.substr(1, type.size() - 2);
  for (std::size_t begin = 0; begin <= type.size();) {
    const auto end = std::min(type.find('|', begin), type.size());
    choices.push_back(type.substr(begin, end - begin));
    begin = end + 1;
  }
  return choices;
}

// Breaks `text` into lines of at most `columns`. All lines except the first begin with `indent` blanks.
std::string wrap(const std::string& text, std::size_t columns, std::size_t indent) {
  std::string wrapped, line;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(' ', begin), text.size());
    const auto word = text.substr(begin, end - begin);
    if (!line.empty() && line.size() + 1 + word.size() > columns) {
      wrapped += line + "\n" + std::string(indent, ' ');
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    begin = end + 1;
  }
  return wrapped + line;
}

using Names = std::vector<std::string>;
using Rows = std::vector<std::pair<std::string, std::string>>;

// Two columns, like click's definition lists.
std::string definitions(const Rows& rows) {
  std::size_t first = 0;
  for (const auto& [names, help] : rows) first = std::max(first, names.size());
  first = std::min(first, names_width_max) + 2;
  std::string text;
  for (const auto& [names, help] : rows) {
    text += "  " + names;
    if (help.empty()) {
      text += "\n";
      continue;
    }
    const bool fits = names.size() + 2 <= first;
    text += fits ? std::string(first - names.size(), ' ') : "\n" + std::string(first + 2, ' ');
    text += wrap(help, width - first - 2, first + 2) + "\n";
  }
  return text;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string positional(const CLI::Option& option) {
  const auto name = option.get_name(true);
  const auto type = option.get_type_name();
  if (type.starts_with("[MEMBER")) return type;
  if (type.starts_with('[')) return "{" + type.substr(1, type.find(']') - 1) + "}";
  const bool several = option.get_items_expected_max() > 1;
  return (option.get_required() ? name : "[" + name + "]") + (several ? "..." : "");
}

// The option's names as an error shows them: "'--format' / '-f'".
std::string spellings(const CLI::App& root, const std::string& name) {
  std::string text = "'" + name + "'";
  for (const auto* command : root.get_subcommands()) {
    const auto* option = command->get_option_no_throw(name);
    if (option == nullptr) continue;
    for (const auto& brief : option->get_snames()) text += " / '-" + brief + "'";
  }
  return text;
}

// The number of letters that have to be changed, added, removed, or exchanged with the next letter.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> steps(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        steps[i][j] = i + j;
        continue;
      }
      const std::size_t changed = a[i - 1] == b[j - 1] ? 0 : 1;
      steps[i][j] = std::min({steps[i - 1][j] + 1, steps[i][j - 1] + 1, steps[i - 1][j - 1] + changed});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        steps[i][j] = std::min(steps[i][j], steps[i - 2][j - 2] + 1);
      }
    }
  }
  return steps[a.size()][b.size()];
}

// Similar names in alphabetical order: those that begin with `given`, or differ in about a third of the letters.
std::vector<std::string> similar(const std::string& given, std::vector<std::string> names) {
  std::erase_if(names, [&](const std::string& name) {
    const bool begun = given.size() >= 3 && name.starts_with(given);
    return !begun && distance(given, name) > std::max<std::size_t>(1, name.size() / 3);
  });
  std::ranges::sort(names);
  return names;
}

std::string no_such_option(const CLI::App& root, const std::string& given) {
  std::vector<std::string> names;
  const auto add = [&](const CLI::App& app) {
    for (const auto& option : options_of(app)) {
      for (const auto& name : option.names) {
        if (name.starts_with("--")) names.push_back(name);
      }
    }
  };
  const auto chosen = root.get_subcommands();
  add(chosen.empty() ? root : *chosen.front());
  const auto text = "No such option: " + given;
  const auto possible = given.starts_with("--") ? similar(given.substr(0, given.find('=')), names) : Names{};
  if (possible.empty()) return text;
  return possible.size() == 1 ? text + " Did you mean " + possible.front() + "?"
                              : text + " (Possible options: " + joined(possible) + ")";
}

std::string no_such_command(const CLI::App& root, const std::string& given) {
  std::vector<std::string> names;
  for (const auto* command : commands_of(root)) names.push_back(command->get_name());
  const auto possible = similar(given, names);
  return "No such command '" + given + "'." +
         (possible.empty() ? "" : "\nHint: did you mean " + joined(possible) + "?");
}

// The error text, in click's words where scripts may depend on them.
std::string describe(const CLI::App& root, const CLI::ParseError& error) {
  std::string text = error.what();
  const auto colon = text.rfind(": ");
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr && colon != text.npos) {
    const auto argument = text.substr(colon + 2);
    if (argument.starts_with('-')) return no_such_option(root, argument);
    if (root.get_subcommands().empty()) return no_such_command(root, argument);
    return "Got unexpected extra argument (" + argument + ")";
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    return "Missing argument '" + text.substr(0, text.find(' ')) + "'.";
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr && text.contains("required")) {
    return "Option '" + text.substr(0, text.find(':')) + "' requires an argument.";
  }
  if (dynamic_cast<const CLI::ValidationError*>(&error) == nullptr) return text;
  // The text is "--format: x not in {pretty,tsv}".
  const auto name_end = text.find(": "), value_end = text.find(" not in {");
  if (name_end == text.npos || value_end == text.npos) return text;
  auto choices = text.substr(value_end + 9, text.size() - value_end - 10);
  for (std::size_t at = 0; (at = choices.find(',', at)) != choices.npos; at += 4) choices.replace(at, 1, "', '");
  return fmt::format("Invalid value for {}: '{}' is not one of '{}'.", spellings(root, text.substr(0, name_end)),
                     text.substr(name_end + 2, value_end - name_end - 2), choices);
}

}  // namespace

std::vector<OptionText> options_of(const CLI::App& command) {
  std::vector<OptionText> options;
  OptionText help_option;
  for (const auto* option : command.get_options()) {
    if (!option->nonpositional() || option->get_group().empty()) continue;
    OptionText text{.names = {}, .value = {}, .help = option->get_description(), .choices = {}};
    for (const auto& name : option->get_snames()) text.names.push_back("-" + name);
    for (const auto& name : option->get_lnames()) text.names.push_back("--" + name);
    if (option->get_items_expected_max() > 0) {
      const auto type = option->get_type_name();
      text.choices = split_choices(type.substr(0, type.find(']') + 1));
      text.value = text.choices.empty() ? type : type.substr(0, type.find(']') + 1);
    }
    (option == command.get_help_ptr() ? help_option : options.emplace_back()) = std::move(text);
  }
  options.push_back(std::move(help_option));  // last, as in click
  return options;
}

std::vector<const CLI::App*> commands_of(const CLI::App& root) {
  auto commands = root.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
  std::ranges::sort(commands, {}, [](const CLI::App* command) { return command->get_name(); });
  return commands;
}

std::string synopsis(const CLI::App& command) {
  if (command.get_parent() == nullptr) return "[OPTIONS] COMMAND [ARGS]...";
  auto text = command.get_name() + " [OPTIONS]";
  for (const auto* option : command.get_options()) {
    if (!option->nonpositional()) text += " " + positional(*option);
  }
  return text;
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const {
  const auto* root = app->get_parent() == nullptr ? app : app->get_parent();
  std::string text = "Usage: " + root->get_name() + " " + wrap(synopsis(*app), width, 7) + "\n\n";
  text += "  " + wrap(app->get_description(), width - 2, 2) + "\n\nOptions:\n";
  Rows rows;
  for (const auto& option : options_of(*app)) {
    rows.emplace_back(joined(option.names) + (option.value.empty() ? "" : " " + option.value), option.help);
  }
  text += definitions(rows);
  const auto commands = commands_of(*app);
  if (commands.empty()) return text;
  rows.clear();
  for (const auto* command : commands) rows.emplace_back(command->get_name(), command->get_description());
  return text + "\nCommands:\n" + definitions(rows);
}

std::string usage_error(const CLI::App& root, const CLI::ParseError& error) {
  std::string path = root.get_name(), usage = root.get_name() + " " + synopsis(root);
  for (const auto* command : root.get_subcommands()) {
    path += " " + command->get_name();
    usage = root.get_name() + " " + synopsis(*command);
  }
  return fmt::format("Usage: {}\nTry '{} --help' for help.\n\nError: {}\n", usage, path, describe(root, error));
}

}  // namespace tamada::ctl
