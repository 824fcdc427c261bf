// --generate-config and --generate-sample-config: make a first patroni.yml for the operator to edit.
#pragma once

#include <map>
#include <string>

#include "setup/command_line.h"

namespace tamada::setup {

// Writes to arguments.file or stdout. Returns 0, or 1 with the reason on stderr. The operator has to replace the values
// marked #FIXME.
int generate_config(const Arguments& arguments, const std::map<std::string, std::string>& environment);

}  // namespace tamada::setup
