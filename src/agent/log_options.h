// The log as the configuration asks for it.
#pragma once

#include "config/sections/log.h"
#include "core/types.h"

namespace tamada::agent {

// An error when its file cannot be written; then it goes on as it was.
core::Result<void> configure_log(const config::Log& log);

}  // namespace tamada::agent
