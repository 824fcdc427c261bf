#include "setup/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "core/presentation.h"

namespace tamada::setup {
namespace {

constexpr const char* description =
    "Runs the high-availability manager of one PostgreSQL node.\n"
    "SIGTERM stops PostgreSQL and hands over; SIGHUP reads the configuration again.";
constexpr int usage_error = 2;

}  // namespace

std::optional<int> parse_command_line(int argc, char** argv, Arguments& arguments) {
  CLI::App app(description);
  app.set_version_flag("--version",
                       fmt::format("tamada {} (answers as Patroni {})", TAMADA_VERSION, core::compatible_version));
  app.add_option("configfile", arguments.file,
                 "a patroni.yml, or a folder of them; without it PATRONI_CONFIGURATION and the other "
                 "variables PATRONI_* of the environment. For --generate-*: the file to write; without it stdout");
  bool check = false, validate = false, generate = false, sample = false;
  auto* tasks = app.add_option_group("instead of running");
  tasks->add_flag("--check", check,
                  "report what would prevent the start or the take-over of this node, and what to do about it; changes "
                  "nothing; exit status 0 if nothing prevents them");
  tasks->add_flag("--validate-config", validate, "check the configuration; exit status 0 if it is usable");
  tasks->add_flag("--generate-config", generate, "write the configuration of a running PostgreSQL");
  tasks->add_flag("--generate-sample-config", sample, "write a configuration that has to be completed by hand");
  tasks->require_option(0, 1);
  app.add_option("--dsn", arguments.dsn,
                 "for --generate-config: connection string of a superuser for the running PostgreSQL");
  app.add_flag("--ignore-listen-port,-i", arguments.ignore_listen_port,
               "for --validate-config: the ports may be in use");
  app.add_flag("--print,-p", arguments.print,
               "for --validate-config: print the configuration, with the variables of the environment");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : usage_error;
  }
  arguments.task = check      ? Arguments::Task::check
                   : validate ? Arguments::Task::validate
                   : generate ? Arguments::Task::generate
                   : sample   ? Arguments::Task::generate_sample
                              : Arguments::Task::run;
  return std::nullopt;
}

}  // namespace tamada::setup
