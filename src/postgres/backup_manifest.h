// Describes an old data directory to PostgreSQL as if it were a base backup. Source: PostgreSQL, "Backup Manifest
// Format"; pg_combinebackup's src/bin/pg_combinebackup/backup_label.c.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/incremental.h"

namespace tamada::postgres {

struct BackedUpFile {
  std::string path;  // within the data directory, such as "base/5/1259"
  std::uint64_t bytes = 0;
};

// The files of relations in base and global, in the order of their names. Other names are left out, and PostgreSQL then
// sends such a file as a whole.
core::Result<std::vector<BackedUpFile>> files_of_relations(const std::string& data_dir);

// The text of backup_manifest. The server reads it to learn which files the receiver has, and since when it needs to
// know of changes. Files have no checksums in it, because nobody verifies the old data by it.
std::string backup_manifest(const std::string& system_identifier, const core::IncrementalBase& base,
                            const std::vector<BackedUpFile>& files);

// The text of backup_label. pg_combinebackup compares it with the beginning of the incremental backup.
std::string backup_label(const core::IncrementalBase& base, core::Lsn checkpoint, const std::string& redo_wal_file);

}  // namespace tamada::postgres
