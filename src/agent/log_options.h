// Sets up the log as the configuration says.
#pragma once

#include "config/sections/log.h"
#include "core/types.h"

namespace tamada::agent {

// Returns an error when the file cannot be written; the log then goes on as before.
core::Result<void> configure_log(const config::Log& log);

}  // namespace tamada::agent
