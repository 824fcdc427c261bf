// Reads files and folders that may disappear or fail at any moment, such as those of /proc; nothing of that throws.
// Names shared memory.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tamada::net {

// nullopt when the file cannot be opened, or cannot be read to its end: a folder, an error of the disk, a process that
// has ended.
std::optional<std::string> read_file(const std::string& path);

// The names in the folder in no particular order, without "." and "..". If the folder cannot be read to its end, the
// result has the names that were read before.
std::vector<std::string> names_in(const std::string& folder);

// The name of shared memory that belongs to this user and this data directory, "/PURPOSE.UID.HASH": shm_open limits the
// length of names, so the name has a hash of the directory.
std::string shared_memory_name(std::string_view purpose, std::string_view data_dir);

}  // namespace tamada::net
