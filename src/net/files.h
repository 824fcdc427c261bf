// Reading of files and folders that may be gone, or fail, at any moment, as those of /proc do. Nothing here throws.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace tamada::net {

// nullopt: it cannot be opened, or not be read to its end (a folder, an error of the disk, a process that has ended).
std::optional<std::string> read_file(const std::string& path);

// What is in the folder, without "." and ".."; those read so far where it cannot be read to its end. In no order.
std::vector<std::string> names_in(const std::string& folder);

}  // namespace tamada::net
