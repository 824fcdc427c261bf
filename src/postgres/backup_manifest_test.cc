#include "postgres/backup_manifest.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tamada::postgres {
namespace {

const core::IncrementalBase base{.timeline = 3, .redo = 0x5000060};

// The checksum is what `head -n -1 backup_manifest | sha256sum` prints.
TEST(BackupManifest, AsThePartsOfPostgreSQLReadIt) {
  EXPECT_EQ(backup_manifest("7300000000000000001", base, {{"base/5/1259", 8192}, {"global/1213_fsm", 24576}}),
            R"({ "PostgreSQL-Backup-Manifest-Version": 2,
"System-Identifier": 7300000000000000001,
"Files": [
{ "Path": "base/5/1259", "Size": 8192 },
{ "Path": "global/1213_fsm", "Size": 24576 }
],
"WAL-Ranges": [
{ "Timeline": 3, "Start-LSN": "0/5000060", "End-LSN": "0/5000060" }
],
"Manifest-Checksum": "a07445d3a077b12f78e156da62556f61e734546d520dc7886420ebd3192d27c2"}
)");
}

TEST(BackupManifest, LabelNamesTheSameBeginning) {
  EXPECT_EQ(backup_label(base, 0x5000098, "000000030000000000000005"),
            "START WAL LOCATION: 0/5000060 (file 000000030000000000000005)\n"
            "CHECKPOINT LOCATION: 0/5000098\n"
            "BACKUP METHOD: streamed\n"
            "BACKUP FROM: standby\n"
            "LABEL: data directory of a standby\n"
            "START TIMELINE: 3\n");
}

TEST(BackupManifest, ListsTheFilesOfRelations) {
  std::string root = testing::TempDir() + "tamada_manifest_XXXXXX";
  ASSERT_TRUE(::mkdtemp(root.data()));
  const auto write = [&](const std::string& name, std::size_t bytes) {
    std::filesystem::create_directories(std::filesystem::path(root + "/" + name).parent_path());
    std::ofstream(root + "/" + name) << std::string(bytes, 'x');
  };
  write("base/5/1259", 100);
  write("base/5/1259.1", 7);
  write("base/5/\"strange\" name", 7);
  write("global/1213", 8);
  write("pg_wal/000000010000000000000001", 9);
  const auto files = files_of_relations(root);
  ASSERT_TRUE(files) << files.error().what;
  std::string all;
  for (const auto& file : *files) all += file.path + " " + std::to_string(file.bytes) + "\n";
  EXPECT_EQ(all, "base/5/1259 100\nbase/5/1259.1 7\nglobal/1213 8\n");
  std::filesystem::remove_all(root + "/global");
  const auto error = files_of_relations(root);
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().what, "cannot list the files of " + root + "/global: No such file or directory");
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace tamada::postgres
