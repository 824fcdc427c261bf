// Reads and replaces small files as a whole. Changes are durable: when a call returns, a power cut does not undo it.
// The calls wait for the disk; where the loop must not wait, net::on_disk_thread runs them.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "core/types.h"
#include "net/files.h"

namespace tamada::postgres {

using net::read_file;

// Writes a temporary file, calls fsync, renames the file, and calls fsync on its directory. So a reader finds the old
// or the new text, also after a crash or a power cut.
core::Result<void> write_file(const std::string& path, std::string_view text, mode_t mode);

// Returns true when the file was written, false when it had this text already.
core::Result<bool> write_if_changed(const std::string& path, std::string_view text, mode_t mode);

bool exists(const std::string& path);
core::Result<void> remove_if_exists(const std::string& path);
core::Result<void> rename_path(const std::string& from, const std::string& to);  // for files and directories

// Flushes the contents of a file, or the entries of a directory.
core::Result<void> flush_to_disk(const std::string& path);
// Flushes the entry of `path` in its directory, after it was made or removed.
core::Result<void> flush_entry(const std::string& path);

// Makes an empty file that asks a running server for something. It is not durable, because the request ends with the
// server.
core::Result<void> touch(const std::string& path);

}  // namespace tamada::postgres
