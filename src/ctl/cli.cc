#include "ctl/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <functional>
#include <memory>

#include "ctl/commands.h"
#include "net/log.h"

namespace tamada::ctl {
namespace {

constexpr int exit_error = 1, exit_usage = 2;

std::string default_config_file() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && *config != '\0') return std::string(config) + "/patroni/patronictl.yaml";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "") + "/.config/patroni/patronictl.yaml";
}

// The parsed command line; what `command` is set to is done with a session.
struct CommandLine {
  std::string config_file = default_config_file(), dcs_url;
  bool insecure = false;
  std::function<Done(Session&)> command;

  ListOptions list;
  SwitchoverOptions switchover;
  std::string leader, candidate, scheduled;
  PauseOptions pause;
  EditConfigOptions edit;
  std::string cluster, format = "pretty";
  std::vector<std::string> members;
};

Format format_of(const std::string& name) {
  if (name == "tsv") return Format::tsv;
  if (name == "json") return Format::json;
  return name == "pretty" ? Format::pretty : Format::yaml;
}

void add_format(CLI::App& app, std::string& format) {
  app.add_option("-f,--format", format, "Output format")
      ->check(CLI::IsMember({"pretty", "tsv", "json", "yaml", "yml"}))
      ->type_name("[pretty|tsv|json|yaml|yml]");
}

void add_watch(CLI::App& app, ListOptions& list) {
  app.add_flag("-W", list.watch, "Auto update the screen every 2 seconds");
  app.add_option("-w,--watch", list.watch_every_s, "Auto update the screen every X seconds");
}

void add_list(CLI::App& app, CommandLine& line) {
  auto* list = app.add_subcommand("list", "List the Patroni members for a given Patroni");
  list->add_option("CLUSTER_NAMES", line.list.clusters)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  list->add_flag("-e,--extended", line.list.extended, "Show some extra information");
  list->add_flag("-t,--timestamp", line.list.timestamp, "Print timestamp");
  add_format(*list, line.format);
  add_watch(*list, line.list);
  list->callback([&line] {
    line.command = [&line](Session& session) {
      line.list.format = format_of(line.format);
      return ctl::list(session, line.list);
    };
  });
  auto* topology = app.add_subcommand("topology", "Prints ASCII topology for given cluster");
  topology->add_option("CLUSTER_NAMES", line.list.clusters)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_watch(*topology, line.list);
  topology->callback([&line] {
    line.command = [&line](Session& session) {
      line.list.format = Format::topology;
      return ctl::list(session, line.list);
    };
  });
}

void add_switchover(CLI::App& app, CommandLine& line) {
  auto* command = app.add_subcommand("switchover", "Switchover to a replica");
  command->add_option("CLUSTER_NAME", line.switchover.cluster);
  auto* leader = command->add_option("--leader,--primary", line.leader, "The name of the current leader");
  auto* candidate = command->add_option("--candidate", line.candidate, "The name of the candidate");
  auto* scheduled = command->add_option("--scheduled", line.scheduled,
                                        "Timestamp of a scheduled switchover in unambiguous format (e.g. ISO 8601)");
  command->add_flag("--force", line.switchover.force, "Do not ask for confirmation at any point");
  command->callback([&line, leader, candidate, scheduled] {
    if (leader->count() > 0) line.switchover.leader = line.leader;
    if (candidate->count() > 0) line.switchover.candidate = line.candidate;
    if (scheduled->count() > 0) line.switchover.scheduled = line.scheduled;
    line.command = [&line](Session& session) { return switchover(session, line.switchover); };
  });
}

void add_pause(CLI::App& app, CommandLine& line, bool paused) {
  auto* command =
      app.add_subcommand(paused ? "pause" : "resume", paused ? "Disable auto failover" : "Resume auto failover");
  command->add_option("CLUSTER_NAME", line.pause.cluster);
  command->add_flag("--wait", line.pause.wait,
                    paused ? "Wait until pause is applied on all nodes" : "Wait until pause is cleared on all nodes");
  command->callback([&line, paused] {
    line.pause.paused = paused;
    line.command = [&line](Session& session) { return set_pause(session, line.pause); };
  });
}

void add_config(CLI::App& app, CommandLine& line) {
  auto* show = app.add_subcommand("show-config", "Show cluster configuration");
  show->add_option("CLUSTER_NAME", line.cluster);
  show->callback([&line] { line.command = [&line](Session& session) { return show_config(session, line.cluster); }; });

  auto* edit = app.add_subcommand("edit-config", "Edit cluster configuration");
  edit->add_option("CLUSTER_NAME", line.edit.cluster);
  edit->add_flag("-q,--quiet", line.edit.quiet, "Do not show changes");
  // One value each time: what follows may be the cluster's name.
  edit->add_option("-s,--set", line.edit.set, "Set specific configuration value. Can be specified multiple times")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  edit->add_option("-p,--pg", line.edit.pg,
                   "Set specific PostgreSQL parameter value. Shorthand for -s postgresql.parameters. "
                   "Can be specified multiple times")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  edit->add_option("--apply", line.edit.apply_file, "Apply configuration from file. Use - for stdin.");
  edit->add_option("--replace", line.edit.replace_file,
                   "Apply configuration from file, replacing existing configuration. Use - for stdin.");
  edit->add_flag("--force", line.edit.force, "Do not ask for confirmation at any point");
  edit->callback([&line] { line.command = [&line](Session& session) { return edit_config(session, line.edit); }; });
}

void add_reports(CLI::App& app, CommandLine& line) {
  auto* past = app.add_subcommand("history", "Show the history of failovers/switchovers");
  past->add_option("CLUSTER_NAME", line.cluster);
  add_format(*past, line.format);
  past->callback([&line] {
    line.command = [&line](Session& session) { return history(session, line.cluster, format_of(line.format)); };
  });
  auto* versions = app.add_subcommand("version", "Output version of patronictl command or a running Patroni instance");
  versions->add_option("CLUSTER_NAME", line.cluster);
  versions->add_option("MEMBER_NAMES", line.members)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  versions->callback(
      [&line] { line.command = [&line](Session& session) { return version(session, line.cluster, line.members); }; });
}

// In click's words, where scripts may have met them.
std::string describe(const CLI::App& app, const CLI::ParseError& error) {
  std::string text = error.what();
  const auto colon = text.rfind(": ");
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr || colon == text.npos) return text;
  const auto argument = text.substr(colon + 2);
  if (argument.starts_with('-')) return "No such option: " + argument;
  if (app.get_subcommands().empty()) return "No such command '" + argument + "'.";
  return "Got unexpected extra argument (" + argument + ")";
}

int usage_error(const CLI::App& app, const CLI::ParseError& error) {
  std::string path = app.get_name();
  for (const auto* command : app.get_subcommands()) path += " " + command->get_name();
  fmt::print(stderr, "Usage: {} [OPTIONS]{}\nTry '{} --help' for help.\n\nError: {}\n", path,
             app.get_subcommands().empty() ? " COMMAND [ARGS]..." : " [ARGS]...", path, describe(app, error));
  return exit_usage;
}

int perform(const CommandLine& line, const SessionOptions& options) {
  auto session = Session::open(options);
  const auto done = session ? line.command(*session) : Done(std::unexpected(session.error()));
  if (done) return 0;
  const bool ended = done.error().what == aborted;
  fmt::print(stderr, "{}{}\n", ended ? "" : "Error: ", done.error().what);
  return exit_error;
}

}  // namespace

int run(int argc, char** argv) {
  log::set_level(log::Level::warning);
  CommandLine line;
  std::string name = argc > 0 ? argv[0] : "tamadactl";
  name.erase(0, name.rfind('/') + 1);
  CLI::App app("Command-line interface for interacting with Patroni.", name);
  app.require_subcommand(0, 1);
  app.option_defaults()->multi_option_policy(
      CLI::MultiOptionPolicy::TakeLast);  // as click: given twice, the last counts
  app.fallthrough();                      // the global options may stand behind the command, too
  auto* file =
      app.add_option("-c,--config-file", line.config_file, "Configuration file")->envname("PATRONICTL_CONFIG_FILE");
  auto* url = app.add_option("-d,--dcs-url,--dcs", line.dcs_url, "The DCS connect url")->envname("DCS_URL");
  app.add_flag("-k,--insecure", line.insecure, "Allow connections to SSL sites without certs");
  add_list(app, line);
  add_switchover(app, line);
  add_pause(app, line, true);
  add_pause(app, line, false);
  add_config(app, line);
  add_reports(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error);
  }
  if (!line.command) {
    echo(app.help());
    return 0;
  }
  return perform(line, {.config_file = line.config_file,
                        .config_file_given = file->count() > 0,
                        .dcs_url = url->count() > 0 ? std::optional(line.dcs_url) : std::nullopt,
                        .insecure = line.insecure});
}

}  // namespace tamada::ctl
