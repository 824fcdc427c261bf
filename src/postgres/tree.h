// Detects changes of a data directory, by the name, size, time and inode of each file.
#pragma once

#include <string>

namespace tamada::postgres {

// Covers all files in the directory, and follows links. Not covered are files that this program writes while pg_rewind
// does not run, and WAL, which pg_rewind may fetch from the archive before it changes anything. (Its first changes are
// to files that it copies whole, PG_VERSION among the first of them, whether there is WAL to copy or not.) Empty when
// the directory could not be read.
std::string fingerprint_of_tree(const std::string& data_dir);
}  // namespace tamada::postgres
