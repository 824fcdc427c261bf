#include "ctl/cli.h"

#include <fmt/format.h>

#include "ctl/command_tree.h"
#include "ctl/help.h"
#include "ctl/terminal.h"
#include "net/log.h"

namespace tamada::ctl {
namespace {

constexpr int exit_error = 1, exit_usage = 2;

int perform(const CommandTree& tree) {
  auto session = Session::open(tree.session_options());
  const auto done = session ? tree.chosen()(*session) : Done(std::unexpected(session.error()));
  if (done) return 0;
  if (done.error().what.empty()) return exit_error;  // the error has been printed
  const bool ended = done.error().what == aborted;
  fmt::print(stderr, "{}{}\n", ended ? "" : "Error: ", shown(done.error().what));
  return exit_error;
}

}  // namespace

int run(int argc, char** argv) {
  log::set_level(log::Level::warning);
  std::string name = argc > 0 ? argv[0] : "tamadactl";
  name.erase(0, name.rfind('/') + 1);
  set_program_name(name);
  CommandTree tree(name);
  try {
    tree.app().parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return tree.app().exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "{}", usage_error(tree.app(), error));
    return exit_usage;
  }
  if (tree.offline()) {
    tree.offline()();
    return 0;
  }
  if (!tree.chosen()) {
    echo(tree.app().help());
    return 0;
  }
  return perform(tree);
}

}  // namespace tamada::ctl
