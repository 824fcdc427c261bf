// The arguments of the daemon's program, which are the same as Patroni's.
#pragma once

#include <optional>
#include <string>

namespace tamada::setup {

struct Arguments {
  enum class Task { run, check, validate, generate, generate_sample };
  Task task = Task::run;
  std::string file;  // the configuration to read, or the file for a generated one; empty: the environment, or stdout
  std::string dsn;
  bool ignore_listen_port = false, print = false;
};

// Prints the help, the version or an error if the arguments ask for it, and then returns the exit status; otherwise
// nullopt.
std::optional<int> parse_command_line(int argc, char** argv, Arguments& arguments);

}  // namespace tamada::setup
