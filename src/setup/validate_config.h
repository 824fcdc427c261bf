// --validate-config: checks the whole configuration, and whether this machine can run it.
#pragma once

#include <map>
#include <string>

#include "setup/command_line.h"

namespace tamada::setup {

// Prints all mistakes and warnings to stderr. Returns 0 if there are no mistakes, else 1.
int validate_config(const Arguments& arguments, const std::map<std::string, std::string>& environment);

}  // namespace tamada::setup
