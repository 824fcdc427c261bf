// The operator's programs: bootstrap and replica methods, pre_promote, before_stop.
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
  std::string command;  // split as in Patroni, see net/words.h
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> env;
};

// Its output goes to the log, line by line. An error: it could not be started, it ended with another status than 0, or
// `timeout` (zero: none) passed. A cancellation ends the program.
awaitable<core::Result<void>> run_script(Script script, core::Duration timeout);

// --key=value of a method's section.
std::vector<std::string> method_arguments(const config::Method& method);

}  // namespace tamada::postgres
