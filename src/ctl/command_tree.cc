#include "ctl/command_tree.h"

#include <cstdlib>
#include <memory>

#include "ctl/completion.h"
#include "ctl/help.h"
#include "ctl/terminal.h"

namespace tamada::ctl {
namespace {

std::string default_config_file() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && *config != '\0') return std::string(config) + "/patroni/patronictl.yaml";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "") + "/.config/patroni/patronictl.yaml";
}

Format format_of(const std::string& name) {
  if (name == "tsv") return Format::tsv;
  if (name == "json") return Format::json;
  return name == "pretty" ? Format::pretty : Format::yaml;
}

// CLI11's name of the value's type lists the choices; help, completions and errors take them from there.
CLI::Option* add_choice(CLI::App& command, const std::string& name, const std::vector<std::string>& choices,
                        const std::string& help, std::function<void(const std::string&)> take) {
  std::string type = "[";
  for (const auto& choice : choices) type += (type.size() > 1 ? "|" : "") + choice;
  return command.add_option_function<std::string>(name, take, help)
      ->check(CLI::IsMember(choices))
      ->type_name(type + "]");
}

void add_format(CLI::App& command, Format& format, const std::string& names = "-f,--format",
                const std::string& help = "Output format") {
  add_choice(command, names, {"pretty", "tsv", "json", "yaml", "yml"}, help,
             [&format](const std::string& name) { format = format_of(name); });
}

const std::vector<std::string> roles = {"leader", "primary", "standby-leader", "replica", "standby", "any"};

void add_json(CLI::App& command, bool& json) {
  add_choice(command, "-f,--format", {"pretty", "json"}, "Output format",
             [&json](const std::string& name) { json = name == "json"; });
  command.add_flag("--json", json, "The same as --format json");
}

void add_role(CLI::App& command, std::string& role, const std::string& help) {
  add_choice(command, "-r,--role", roles, help, [&role](const std::string& name) { role = name; });
}
void add_role(CLI::App& command, std::optional<std::string>& role, const std::string& help) {
  add_choice(command, "-r,--role", roles, help, [&role](const std::string& name) { role = name; });
}

void add_watch(CLI::App& command, WatchOptions& options) {
  command.add_flag("-W", options.watch, "Auto update the screen every 2 seconds");
  command.add_option("-w,--watch", options.watch_every_s, "Auto update the screen every X seconds");
}

void add_force(CLI::App& command, bool& force) {
  command.add_flag("--force", force, "Do not ask for confirmation at any point");
}

void add_dry_run(CLI::App& command, bool& dry_run) {
  command.add_flag("--dry-run", dry_run, "Only show what would happen to which members, and what would prevent it");
}

CLI::Option* add_cluster(CLI::App& command, std::string& cluster) {
  return command.add_option("CLUSTER_NAME", cluster, "The cluster; by default the scope of the configuration")
      ->type_name("TEXT");
}

void add_names(CLI::App& command, const std::string& name, std::vector<std::string>& into) {
  command.add_option(name, into)->type_name("TEXT")->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

// The option takes one value each time, because the next argument may be the cluster's name.
void add_pairs(CLI::App& command, const std::string& name, std::vector<std::string>& into, const std::string& help) {
  command.add_option(name, into, help)
      ->type_name("TEXT")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace

template <class Options>
CLI::App& CommandTree::add(const std::string& name, const std::string& help, Done (*run)(Session&, const Options&),
                           const std::function<void(CLI::App&, Options&)>& declare) {
  auto* command = app_.add_subcommand(name, help);
  const auto options = std::make_shared<Options>();
  declare(*command, *options);
  command->callback([this, run, options] {
    chosen_ = [this, run, options](Session& session) -> Done {
      if (citus_group_) return core::fail("--group: Citus clusters are not supported");
      return run(session, *options);
    };
  });
  return *command;
}

CommandTree::CommandTree(std::string program)
    : app_("Command-line interface for interacting with Patroni.", std::move(program)) {
  session_.config_file = default_config_file();
  app_.require_subcommand(0, 1);
  app_.formatter(std::make_shared<HelpFormatter>());
  app_.set_help_flag("--help", "Show this message and exit.");
  // As in click, the last value counts if an option is given twice.
  app_.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app_.fallthrough();  // the global options are also accepted after the command
  config_file_ = app_.add_option("-c,--config-file", session_.config_file, "Configuration file")
                     ->envname("PATRONICTL_CONFIG_FILE")
                     ->type_name("TEXT");
  app_.add_option("-d,--dcs-url,--dcs", session_.dcs_url, "The DCS connect url")->envname("DCS_URL")->type_name("TEXT");
  app_.add_flag("-k,--insecure", session_.insecure, "Allow connections to SSL sites without certs");
  app_.add_option("--group", citus_group_)->group("");  // known and hidden; its use is refused
  add_reports();
  add_moves();
  add_members();
  add_configuration();
  add_insight();
  add_help();
  add_offline();
}

SessionOptions CommandTree::session_options() const {
  auto options = session_;
  options.config_file_given = config_file_->count() > 0;
  return options;
}

void CommandTree::add_reports() {
  add<ListOptions>("list", "List the Patroni members for a given Patroni", list, [](auto& command, auto& options) {
    add_names(command, "CLUSTER_NAMES", options.clusters);
    command.add_flag("-e,--extended", options.extended, "Show some extra information");
    command.add_flag("-t,--timestamp", options.timestamp, "Print timestamp");
    add_format(command, options.format);
    add_watch(command, options);
  });
  add<ListOptions>("topology", "Prints ASCII topology for given cluster", topology, [](auto& command, auto& options) {
    add_names(command, "CLUSTER_NAMES", options.clusters);
    add_watch(command, options);
  });
  add<ReportOptions>("history", "Show the history of failovers/switchovers", history, [](auto& command, auto& options) {
    add_cluster(command, options.cluster);
    add_format(command, options.format);
  });
  add<VersionOptions>("version", "Output version of patronictl command or a running Patroni instance", version,
                      [](auto& command, auto& options) {
                        command.add_option("CLUSTER_NAME", options.cluster);
                        add_names(command, "MEMBER_NAMES", options.members);
                      });
  add<DsnOptions>("dsn", "Generate a dsn for the provided member, defaults to a dsn of the leader", dsn,
                  [](auto& command, auto& options) {
                    add_cluster(command, options.cluster);
                    add_role(command, options.role, "Give a dsn of any member with this role");
                    command.add_option("-m,--member", options.member, "Generate a dsn for this member");
                  });
  add<QueryOptions>("query", "Query a Patroni PostgreSQL member", query, [](auto& command, auto& options) {
    add_cluster(command, options.cluster);
    add_format(command, options.format, "--format", "Output format (pretty, tsv, json, yaml)");
    command.add_option("-f,--file", options.file, "Execute the SQL commands from this file")->type_name("FILENAME");
    command.add_flag("--password", options.password, "force password prompt");
    command.add_option("-U,--username", options.username, "database user name");
    add_watch(command, options);
    add_role(command, options.role, "The role of the query");
    command.add_option("-m,--member", options.member, "Query a specific member");
    command.add_option("--delimiter", options.delimiter, "The column delimiter");
    command.add_option("-c,--command", options.command, "The SQL commands to execute");
    command.add_option("-d,--dbname", options.dbname, "database name to connect to");
  });
}

void CommandTree::add_moves() {
  add<MoveOptions>("switchover", "Switchover to a replica", switchover, [](auto& command, auto& options) {
    add_cluster(command, options.cluster);
    command.add_option("--leader,--primary", options.leader, "The name of the current leader");
    command.add_option("--candidate", options.candidate, "The name of the candidate");
    command.add_option("--scheduled", options.scheduled,
                       "Timestamp of a scheduled switchover in unambiguous format (e.g. ISO 8601)");
    add_force(command, options.force);
    add_dry_run(command, options.dry_run);
  });
  add<MoveOptions>("failover", "Failover to a replica", failover, [](auto& command, auto& options) {
    add_cluster(command, options.cluster);
    command.add_option("--candidate", options.candidate, "The name of the candidate");
    add_force(command, options.force);
    add_dry_run(command, options.dry_run);
  });
  add<DemoteClusterOptions>(
      "demote-cluster", "Demote cluster to a standby cluster", demote_cluster, [](auto& command, auto& options) {
        add_cluster(command, options.cluster);
        add_force(command, options.force);
        command.add_option("--host", options.host, "Address of the remote node");
        command.add_option("--port", options.port, "Port of the remote node")->type_name("INTEGER");
        command.add_option("--restore-command", options.restore_command,
                           "Command to restore WAL records from the remote primary");
        command.add_option("--primary-slot-name", options.primary_slot_name,
                           "Name of the slot on the remote node to use for replication");
      });
  add<PromoteClusterOptions>("promote-cluster", "Promote cluster, make it run standalone", promote_cluster,
                             [](auto& command, auto& options) {
                               add_cluster(command, options.cluster);
                               add_force(command, options.force);
                             });
}

void CommandTree::add_members() {
  const auto whom = [](CLI::App& command, MembersOptions& options) {
    add_cluster(command, options.cluster)->required();
    add_names(command, "MEMBER_NAMES", options.members);
    add_force(command, options.force);
  };
  add<RestartOptions>("restart", "Restart cluster member", restart, [&](auto& command, auto& options) {
    whom(command, options);
    add_role(command, options.role, "Restart only members with this role");
    command.add_flag("--any", options.any_one, "Restart a single member only");
    command.add_option("--scheduled", options.scheduled,
                       "Timestamp of a scheduled restart in unambiguous format (e.g. ISO 8601)");
    command.add_option("--pg-version", options.pg_version,
                       "Restart if the PostgreSQL version is less than provided (e.g. 9.5.2)");
    command.add_flag("--pending", options.pending, "Restart if pending");
    command.add_option("--timeout", options.timeout,
                       "Return error and fail over if necessary when restarting takes longer than this.");
    command.add_flag("--rolling", options.rolling,
                     "Restart one member after the other, each when the previous one streams again; the leader last, "
                     "after a switchover");
    add_dry_run(command, options.dry_run);
  });
  add<MembersOptions>("reload", "Reload cluster member configuration", reload, [&](auto& command, auto& options) {
    whom(command, options);
    add_role(command, options.role, "Reload only members with this role");
  });
  add<ReinitOptions>("reinit", "Reinitialize cluster member", reinit, [&](auto& command, auto& options) {
    options.role = "replica";
    whom(command, options);
    command.add_flag("--from-leader", options.from_leader, "Get basebackup from leader");
    command.add_flag("--wait", options.wait, "Wait until reinitialization completes");
    add_dry_run(command, options.dry_run);
  });
  add<FlushOptions>("flush", "Discard scheduled events", flush, [&](auto& command, auto& options) {
    add_cluster(command, options.cluster)->required();
    // The target is the last argument, and CLI11 cannot tell it from the names before it.
    command
        .template add_option_function<std::vector<std::string>>(
            "MEMBER_NAMES",
            [&options](const std::vector<std::string>& words) {
              options.members.assign(words.begin(), words.end() - 1);
              options.target = words.back();
              if (options.target == "restart" || options.target == "switchover") return;
              throw CLI::ValidationError("Invalid value for '{restart|switchover}'",
                                         "'" + options.target + "' is not one of 'restart', 'switchover'.");
            })
        ->type_name("[MEMBER_NAMES]... {restart|switchover}")
        ->required()
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    add_role(command, options.role, "Flush only members with this role");
    add_force(command, options.force);
  });
}

void CommandTree::add_configuration() {
  add<PauseOptions>("pause", "Disable auto failover", pause, [](auto& command, auto& options) {
    add_cluster(command, options.cluster);
    command.add_flag("--wait", options.wait, "Wait until pause is applied on all nodes");
  });
  add<PauseOptions>("resume", "Resume auto failover", resume, [](auto& command, auto& options) {
    add_cluster(command, options.cluster);
    command.add_flag("--wait", options.wait, "Wait until pause is cleared on all nodes");
  });
  add<ClusterOptions>("show-config", "Show cluster configuration", show_config,
                      [](auto& command, auto& options) { add_cluster(command, options.cluster); });
  add<EditConfigOptions>("edit-config", "Edit cluster configuration", edit_config, [](auto& command, auto& options) {
    add_cluster(command, options.cluster);
    command.add_flag("-q,--quiet", options.quiet, "Do not show changes");
    add_pairs(command, "-s,--set", options.set, "Set specific configuration value. Can be specified multiple times");
    add_pairs(command, "-p,--pg", options.pg,
              "Set specific PostgreSQL parameter value. Shorthand for -s postgresql.parameters. "
              "Can be specified multiple times");
    command.add_option("--apply", options.apply_file, "Apply configuration from file. Use - for stdin.");
    command.add_option("--replace", options.replace_file,
                       "Apply configuration from file, replacing existing configuration. Use - for stdin.");
    add_force(command, options.force);
  });
  add<RemoveOptions>("remove", "Remove cluster from DCS", remove, [](auto& command, auto& options) {
    add_cluster(command, options.cluster)->required();
    add_format(command, options.format);
    add_dry_run(command, options.dry_run);
  });
}

void CommandTree::add_insight() {
  add<ExplainOptions>("explain", "Show which rule decides on each member, and what prevents its promotion", explain,
                      [](auto& command, auto& options) {
                        add_cluster(command, options.cluster);
                        add_names(command, "MEMBER_NAMES", options.members);
                        add_json(command, options.json);
                      });
  add<EventsOptions>(
      "events", "Show what happened on all members, merged by time", events, [](auto& command, auto& options) {
        add_cluster(command, options.cluster);
        command.add_flag("--follow", options.follow, "Continue with new events as they happen");
        command
            .add_option("-n,--last", options.last, "Number of past events (default 50; with --since all since then)")
            ->type_name("INTEGER");
        command.add_option("--since", options.since, "Only events since then: 10m, 2h, 03:00, or a timestamp");
        add_pairs(command, "-m,--member", options.members,
                  "Only events of this member. Can be specified multiple times");
        add_choice(command, "--type",
                   {"decision", "role", "state", "timeline", "leader", "pause", "member", "job", "handover"},
                   "Only events of this type. Can be specified multiple times",
                   [&options](const std::string& type) { options.types.push_back(type); })
            ->trigger_on_parse();
        add_json(command, options.json);
      });
  add<TopOptions>("top", "Watch the members and their events, full screen", top, [](auto& command, auto& options) {
    add_cluster(command, options.cluster);
    add_watch(command, options);
    add_json(command, options.json);
  });
  add<JsonOptions>("doctor", "Examine the cluster: members, etcd, clocks, slots, versions, certificates", doctor,
                   [](auto& command, auto& options) {
                     add_cluster(command, options.cluster);
                     add_json(command, options.json);
                   });
}

void CommandTree::add_help() {
  add<WaitOptions>(
      "wait", "Wait until the cluster is healthy, or reaches another goal", wait_for_goals,
      [](auto& command, auto& options) {
        add_cluster(command, options.cluster);
        add_pairs(command, "--for", options.goals,
                  "healthy (default), leader=NAME, streaming, or no-pending-restart. Can be specified multiple times");
        command.add_option("--timeout", options.timeout_s, "Seconds after which to end with an error (default 60)")
            ->type_name("FLOAT");
      });
  add<BundleOptions>("bundle", "Collect the data for a fault report in one archive, without secrets", bundle,
                     [](auto& command, auto& options) {
                       add_cluster(command, options.cluster);
                       command.add_option("-o,--output", options.file, "The archive (default: CLUSTER-TIME.tar.gz)")
                           ->type_name("FILENAME");
                     });
}

void CommandTree::add_offline() {
  add<ClusterOptions>("__clusters", "For completions", clusters, [](auto&, auto&) {}).group("");
  auto* completion = app_.add_subcommand("completion", "Print the completion of a shell");
  add_choice(*completion, "SHELL", {"bash", "zsh", "fish"}, "", [this](const std::string& shell) {
    offline_ = [this, shell] {
      echo(shell == "bash" ? bash_completion(app_) : shell == "zsh" ? zsh_completion(app_) : fish_completion(app_));
    };
  })->required();
  app_.add_subcommand("man", "Show the manual page, or its source if the output is no terminal")->callback([this] {
    offline_ = [this] { show_manual(manual_page(app_)); };
  });
}

}  // namespace tamada::ctl
