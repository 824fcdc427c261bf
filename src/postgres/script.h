// Runs the operator's programs: bootstrap and replica methods, pre_promote, before_stop.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/sections/method.h"
#include "core/types.h"
#include "net/asio.h"

namespace tamada::postgres {

struct Script {
  std::string what;     // for the log and the error: "bootstrap method backup"
  std::string command;  // split into words as in Patroni, see net/words.h
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> env;
};

// Runs the program. Its output goes to the log, line by line. An error when it could not be started, ended with another
// status than 0, or when `timeout` (zero: no limit) passed. A cancellation ends the program.
awaitable<core::Result<void>> run_script(Script script, core::Duration timeout);

// The keys of a method's section as arguments --key=value.
std::vector<std::string> method_arguments(const config::Method& method);

}  // namespace tamada::postgres
