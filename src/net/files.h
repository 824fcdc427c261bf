// Reads files and folders that may disappear or fail at any moment, such as those of /proc. Nothing here throws.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace tamada::net {

// nullopt when the file cannot be opened, or cannot be read to its end: a folder, an error of the disk, a process that
// has ended.
std::optional<std::string> read_file(const std::string& path);

// The names in the folder in no particular order, without "." and "..". If the folder cannot be read to its end, the
// result has the names that were read before.
std::vector<std::string> names_in(const std::string& folder);

}  // namespace tamada::net
