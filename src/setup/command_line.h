// Arguments of the daemon's program, as Patroni's.
#pragma once

#include <optional>
#include <string>

namespace tamada::setup {

struct Arguments {
  enum class Task { run, check, validate, generate, generate_sample };
  Task task = Task::run;
  std::string file;  // configuration to read, or where a generated one goes; empty: the environment, or stdout
  std::string dsn;
  bool ignore_listen_port = false, print = false;
};

// Prints the help, the version or an error; returns the exit status in these cases.
std::optional<int> parse_command_line(int argc, char** argv, Arguments& arguments);

}  // namespace tamada::setup
