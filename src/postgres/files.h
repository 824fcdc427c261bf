// Small files: read whole, replaced whole, and durable: once a change returns, a power cut does not undo it. Changes
// wait for the disk: net::on_disk_thread does them where the loop must not wait.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "core/types.h"
#include "net/files.h"

namespace tamada::postgres {

using net::read_file;

// Through a temporary file, fsync, rename, and fsync of the directory: a reader finds the old or the new text, and so
// does whoever looks after a crash or a power cut.
core::Result<void> write_file(const std::string& path, std::string_view text, mode_t mode);

// true: the file was written; false: it had this text already.
core::Result<bool> write_if_changed(const std::string& path, std::string_view text, mode_t mode);

bool exists(const std::string& path);
core::Result<void> remove_if_exists(const std::string& path);
core::Result<void> rename_path(const std::string& from, const std::string& to);  // of a file or a directory

// Flushes the contents of a file, or the entries of a directory.
core::Result<void> flush_to_disk(const std::string& path);
// Flushes the entry of `path` in its directory, after it was made or removed.
core::Result<void> flush_entry(const std::string& path);

// An empty file that asks a running server for something: not durable, since the request ends with the server.
core::Result<void> touch(const std::string& path);

}  // namespace tamada::postgres
