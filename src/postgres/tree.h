// Tells whether a data directory has changed, by the name, size, time and inode of each file.
#pragma once

#include <string>

namespace tamada::postgres {

// Covers all files in the directory, following links, except those that this program writes there while pg_rewind does
// not run, and except WAL, which pg_rewind may fetch from the archive before it changes anything. (Its first changes
// are to files that it copies whole, PG_VERSION among the first of them, whether there is WAL to copy or not.) Empty:
// it could not be read.
std::string fingerprint_of_tree(const std::string& data_dir);
}  // namespace tamada::postgres
