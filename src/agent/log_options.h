// The log as the configuration asks for it.
#pragma once

#include "config/sections/log.h"
#include "core/types.h"

namespace tamada::agent {

// An error: the file cannot be written. The log then goes on as before.
core::Result<void> configure_log(const config::Log& log);

}  // namespace tamada::agent
