// Small files: read whole, replaced whole.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "core/types.h"

namespace tamada::postgres {

std::optional<std::string> read_file(const std::string& path);

// Through a temporary file and rename: a reader, or a crash, finds the old or the new text.
core::Result<void> write_file(const std::string& path, std::string_view text, mode_t mode);

// true: the file was written; false: it said so already.
core::Result<bool> write_if_changed(const std::string& path, std::string_view text, mode_t mode);

bool exists(const std::string& path);
core::Result<void> remove_if_exists(const std::string& path);

}  // namespace tamada::postgres
