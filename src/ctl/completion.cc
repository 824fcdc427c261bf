#include "ctl/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "ctl/help.h"

namespace tamada::ctl {
namespace {

// The names under which the program is installed, Patroni's among them.
constexpr auto programs = "tamadactl patronictl";

enum class Value { none, choices, file, member, text };

Value value_of(const OptionText& option) {
  constexpr std::array members = {"--candidate", "--leader", "--member"};
  constexpr std::array files = {"--config-file", "--file", "--apply", "--replace", "--output"};
  const auto is_one_of = [&](const auto& names) {
    return std::ranges::find_first_of(option.names, names,
                                      [](const std::string& a, const char* b) { return a == b; }) != option.names.end();
  };
  if (option.value.empty()) return Value::none;
  if (!option.choices.empty()) return Value::choices;
  return is_one_of(members) ? Value::member : is_one_of(files) ? Value::file : Value::text;
}

// The words that are allowed as the last argument: shells to complete for, or restart and switchover of flush.
std::vector<std::string> words_of(const CLI::App& command) {
  for (const auto* option : command.get_options()) {
    const auto type = option->get_type_name();
    if (option->nonpositional() || !type.contains('|')) continue;
    auto list = type.substr(type.find_last_of("[{") + 1);
    list = list.substr(0, list.find_first_of("]}"));
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin <= list.size();) {
      const auto end = std::min(list.find('|', begin), list.size());
      words.push_back(list.substr(begin, end - begin));
      begin = end + 1;
    }
    return words;
  }
  return {};
}

bool takes_members(const CLI::App& command) {
  return std::ranges::any_of(command.get_options(), [](const CLI::Option* option) {
    return !option->nonpositional() && option->get_name(true).starts_with("MEMBER");
  });
}

// Whether the first argument, or each argument, is a cluster's name.
bool takes_cluster(const CLI::App& command) {
  return std::ranges::any_of(command.get_options(), [](const CLI::Option* option) {
    return !option->nonpositional() && option->get_name(true).starts_with("CLUSTER");
  });
}
bool takes_clusters(const CLI::App& command) {
  return std::ranges::any_of(command.get_options(), [](const CLI::Option* option) {
    return !option->nonpositional() && option->get_name(true).starts_with("CLUSTER_NAMES");
  });
}

std::vector<std::string> names_of(const CLI::App& root) {
  std::vector<std::string> names;
  for (const auto* command : commands_of(root)) names.push_back(command->get_name());
  return names;
}

std::string bash_values(const std::string& command, const OptionText& option) {
  if (value_of(option) == Value::none) return "";
  std::string patterns;
  for (const auto& name : option.names) patterns += fmt::format("{}{}:{}", patterns.empty() ? "" : "|", command, name);
  switch (value_of(option)) {
    case Value::choices:
      return fmt::format("    {}) COMPREPLY=($(compgen -W '{}' -- \"$cur\")); return ;;\n", patterns,
                         fmt::join(option.choices, " "));
    case Value::file:
      return fmt::format("    {}) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", patterns);
    case Value::member:
      return fmt::format("    {}) COMPREPLY=($(compgen -W \"$(_tamadactl_members)\" -- \"$cur\")); return ;;\n",
                         patterns);
    default:
      return fmt::format("    {}) return ;;\n", patterns);
  }
}

// "'" cannot be escaped within '...' of a shell, and brackets and colons have a meaning in zsh.
std::string zsh_quoted(const std::string& text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      if (c == '[' || c == ']' || c == ':') quoted += '\\';
      quoted += c;
    }
  }
  return quoted;
}

std::string zsh_value(const OptionText& option) {
  switch (value_of(option)) {
    case Value::none:
      return "";
    case Value::choices:
      return fmt::format(":value:({})", fmt::join(option.choices, " "));
    case Value::file:
      return ":file:_files";
    case Value::member:
      return ":member:_tamadactl_members";
    default:
      return ":value:";
  }
}

std::string zsh_options(const CLI::App& command) {
  std::string text;
  for (const auto& option : options_of(command)) {
    for (const auto& name : option.names) {
      text += fmt::format(" \\\n        '{}[{}]{}'", name, zsh_quoted(option.help), zsh_value(option));
    }
  }
  return text;
}

std::string fish_quoted(const std::string& text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted;
}

std::string fish_option(const std::string& condition, const OptionText& option) {
  std::string text = "complete -c $program" + condition;
  for (const auto& name : option.names)
    text += (name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1));
  switch (value_of(option)) {
    case Value::none:
      break;
    case Value::choices:
      text += fmt::format(" -x -a '{}'", fmt::join(option.choices, " "));
      break;
    case Value::file:
      text += " -r -F";
      break;
    case Value::member:
      text += " -x -a '(__tamadactl_members)'";
      break;
    case Value::text:
      text += " -x";
  }
  return text + " -d '" + fish_quoted(option.help) + "'\n";
}

}  // namespace

namespace {

// The options that take a value: "restart:-r|restart:--role|...".
std::string valued(const std::string& command, const CLI::App& app) {
  std::string patterns;
  for (const auto& option : options_of(app)) {
    if (value_of(option) == Value::none) continue;
    for (const auto& name : option.names)
      patterns += fmt::format("{}{}:{}", patterns.empty() ? "" : "|", command, name);
  }
  return patterns;
}

constexpr auto bash_head = R"(# bash completion of tamadactl; made by `tamadactl completion bash`
# Asks with the configuration and the store that the command line names so far.
_tamadactl_ask() { "${COMP_WORDS[0]}" "${globals[@]}" "$@" 2>/dev/null; }
_tamadactl_clusters() { _tamadactl_ask __clusters; }
_tamadactl_members() { _tamadactl_ask list $cluster -f tsv | tail -n +2 | cut -f2; }
_tamadactl() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= cluster= position=0 i word value
  local -a globals=()
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $command:$word in
)";

// The part of the script that finds the command, its cluster and the global options in the line typed so far.
std::string bash_reading(const CLI::App& root) {
  std::string text = bash_head, own;
  for (const auto* command : commands_of(root)) {
    if (const auto patterns = valued(command->get_name(), *command); !patterns.empty()) {
      own += (own.empty() ? "" : "|") + patterns;
    }
  }
  text += "      " + own + ") ((i++)) ;;\n";
  text += "      " + valued("*", root) + R"()
        value=${COMP_WORDS[++i]}
        [[ $value == = ]] && value=${COMP_WORDS[++i]}
        # bash takes host:port for three words
        while ((i + 2 < COMP_CWORD)) && [[ ${COMP_WORDS[i+1]} == : ]]; do value+=:${COMP_WORDS[i+2]}; ((i += 2)); done
        globals+=("$word" "$value") ;;
      *:-k|*:--insecure) globals+=("$word") ;;
      *:-*) ;;
)";
  text += fmt::format("      :{}) command=$word ;;\n", fmt::join(names_of(root), "|:"));
  return text + R"(      ?*:*) ((position++)) || cluster=$word ;;
    esac
  done
)";
}

}  // namespace

std::string bash_completion(const CLI::App& root) {
  auto text = bash_reading(root);
  text += "  case $command:$prev in\n";
  for (const auto* command : commands_of(root)) {
    for (const auto& option : options_of(*command)) text += bash_values(command->get_name(), option);
  }
  for (const auto& option : options_of(root)) text += bash_values("*", option);
  text += "  esac\n  local words=\n  case $command in\n";
  const auto options = [](const CLI::App& command) {
    std::string all;
    for (const auto& option : options_of(command)) all += fmt::format(" {}", fmt::join(option.names, " "));
    return all;
  };
  text += fmt::format("    '') words='{}{}' ;;\n", fmt::join(names_of(root), " "), options(root));
  for (const auto* command : commands_of(root)) {
    std::string more;
    if (takes_clusters(*command)) {
      more = "\"$([[ $cur == -* ]] || _tamadactl_clusters)\"";
    } else if (takes_cluster(*command)) {
      more = "\"$([[ $cur == -* ]] || ((position > 0)) || _tamadactl_clusters)\"";
    }
    if (takes_members(*command)) more += "\" $([[ $cur == -* ]] || ((position == 0)) || _tamadactl_members)\"";
    text += fmt::format("    {}) words='{}{} '{} ;;\n", command->get_name(), fmt::join(words_of(*command), " "),
                        options(*command), more);
  }
  return text + "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -F _tamadactl " + programs +
         "\n";
}

namespace {

constexpr auto zsh_head = R"zsh(# Asks with the configuration and the store that the command line names so far.
_tamadactl_clusters() { compadd -- ${(f)"$($tamadactl_ask __clusters 2>/dev/null)"} }
_tamadactl_members() {
  local cluster=${${(M)words[2,-1]:#[^-]*}[1]}
  [[ $cluster == $words[CURRENT] ]] && cluster=
  compadd -- ${(f)"$($tamadactl_ask list $cluster -f tsv 2>/dev/null | tail -n +2 | cut -f2)"}
}
_tamadactl() {
  local -a tamadactl_ask=($words[1])
  local i
  for ((i = 2; i < CURRENT; i++)); do
    case $words[i] in
      -c|--config-file|-d|--dcs|--dcs-url) tamadactl_ask+=($words[i] $words[i+1]); ((i++)) ;;
      -k|--insecure) tamadactl_ask+=($words[i]) ;;
      -*) ;;
      *) break ;;
    esac
  done
)zsh";

}  // namespace

std::string zsh_completion(const CLI::App& root) {
  std::string text = fmt::format("#compdef {}\n# made by `tamadactl completion zsh`\n", programs);
  text += zsh_head;
  text += "  local curcontext=$curcontext state line\n  _arguments -C" + zsh_options(root) +
          " \\\n        '1:command:->command' \\\n        '*::argument:->argument'\n";
  text += "  case $state in\n  command)\n    local -a commands=(\n";
  for (const auto* command : commands_of(root)) {
    text += fmt::format("      '{}:{}'\n", command->get_name(), zsh_quoted(command->get_description()));
  }
  text += "    )\n    _describe command commands\n    ;;\n  argument)\n    case $line[1] in\n";
  for (const auto* command : commands_of(root)) {
    const auto words = words_of(*command);
    std::string arguments;
    if (takes_clusters(*command)) {
      arguments = "'*:cluster:_tamadactl_clusters'";
    } else if (takes_cluster(*command)) {
      arguments = "'1:cluster:_tamadactl_clusters'";
    }
    if (takes_members(*command)) arguments += " '*:member:_tamadactl_members'";
    if (!takes_members(*command) && !words.empty())
      arguments += fmt::format(" '*:argument:({})'", fmt::join(words, " "));
    text += fmt::format("    {})\n      _arguments{} \\\n        {}\n      ;;\n", command->get_name(),
                        zsh_options(*command), arguments);
  }
  return text + "    esac\n    ;;\n  esac\n}\n_tamadactl \"$@\"\n";
}

std::string fish_completion(const CLI::App& root) {
  std::string text =
      "# fish completion of tamadactl; made by `tamadactl completion fish`\n"
      "# Asks with the configuration and the store that the command line names so far.\n"
      "function __tamadactl_ask\n"
      "    set -l words (commandline -opc)\n"
      "    set -l globals\n"
      "    for i in (seq 2 (count $words))\n"
      "        switch $words[$i]\n"
      "            case -c --config-file -d --dcs --dcs-url\n"
      "                test $i -lt (count $words); and set globals $globals $words[$i] $words[(math $i + 1)]\n"
      "            case -k --insecure\n"
      "                set globals $globals $words[$i]\n"
      "            case query\n"
      "                break\n"
      "        end\n"
      "    end\n"
      "    $words[1] $globals $argv 2>/dev/null\nend\n"
      "function __tamadactl_clusters\n    __tamadactl_ask __clusters\nend\n"
      "function __tamadactl_members\n    __tamadactl_ask list -f tsv | tail -n +2 | cut -f2\nend\n";
  text += fmt::format("for program in {}\ncomplete -c $program -f\n", programs);
  for (const auto& option : options_of(root)) text += fish_option("", option);
  for (const auto* command : commands_of(root)) {
    text += fmt::format("complete -c $program -n __fish_use_subcommand -a {} -d '{}'\n", command->get_name(),
                        fish_quoted(command->get_description()));
    const auto condition = " -n '__fish_seen_subcommand_from " + command->get_name() + "'";
    for (const auto& option : options_of(*command)) text += fish_option(condition, option);
    if (const auto words = words_of(*command); !words.empty()) {
      text += fmt::format("complete -c $program{} -a '{}'\n", condition, fmt::join(words, " "));
    }
    if (takes_cluster(*command)) text += "complete -c $program" + condition + " -a '(__tamadactl_clusters)'\n";
    if (takes_members(*command)) text += "complete -c $program" + condition + " -a '(__tamadactl_members)'\n";
  }
  return text + "end\n";
}

}  // namespace tamada::ctl
