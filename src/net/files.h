// Reading of files and folders that may be gone, or fail, at any moment, as those of /proc do. Nothing here throws.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace tamada::net {

// nullopt: it cannot be opened, or not be read to its end (a folder, an error of the disk, a process that has ended).
std::optional<std::string> read_file(const std::string& path);

// The names in the folder in no particular order, without "." and "..". If the folder cannot be read to its end, those
// that were read so far.
std::vector<std::string> names_in(const std::string& folder);

}  // namespace tamada::net
