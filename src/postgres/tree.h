// Whether a data directory is still what it was: by the name, size, time and inode of each file.
#pragma once

#include <string>

namespace tamada::postgres {

// Of all that lies in it, links followed; but not of what this program writes there while pg_rewind is not at work, nor
// of WAL, which pg_rewind may fetch from the archive before it changes anything. (Its first changes are to files that
// it copies whole, PG_VERSION among the first of them, whether there is WAL to copy or not.) Empty: it could not be
// read.
std::string fingerprint_of_tree(const std::string& data_dir);
}  // namespace tamada::postgres
