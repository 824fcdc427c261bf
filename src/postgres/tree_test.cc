#include "postgres/tree.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "postgres/places.h"

namespace tamada::postgres {
namespace {

namespace fs = std::filesystem;

struct Tree : testing::Test {
  std::string root = "/tmp/tamada_tree_XXXXXX";
  void SetUp() override {
    ASSERT_TRUE(::mkdtemp(root.data()));
    fs::create_directories(root + "/data/base/1");
    fs::create_directories(root + "/wal");
    fs::create_directory_symlink(root + "/wal", root + "/data/pg_wal");
    write("data/base/1/1259", "pages");
    write("wal/000000010000000000000001", "records");
  }
  void TearDown() override { fs::remove_all(root); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(root + "/" + name) << text; }
  std::string now() const { return fingerprint_of_tree(root + "/data"); }
};

TEST_F(Tree, TellsEachChange) {
  const auto before = now();
  EXPECT_NE(before, "");
  EXPECT_EQ(now(), before);
  write("data/base/1/1259", "other pages");
  const auto longer = now();
  EXPECT_NE(longer, before);
  fs::last_write_time(root + "/data/base/1/1259", fs::file_time_type::clock::now() + std::chrono::hours(1));
  const auto later = now();
  EXPECT_NE(later, longer);
  fs::remove(root + "/data/base/1/1259");
  const auto removed = now();
  EXPECT_NE(removed, later);
  fs::create_directory(root + "/data/base/2");
  EXPECT_NE(now(), removed);
}

TEST_F(Tree, WalDoesNotCount) {
  const auto before = now();
  write("wal/000000010000000000000002", "fetched from the archive");
  EXPECT_EQ(now(), before);
}

// The daemon may have been started again between the interruption of pg_rewind and the comparison.
TEST_F(Tree, FilesOfTheDaemonDoNotCount) {
  const auto before = now();
  write("data/standby.signal", "");
  write("data/patroni.dynamic.json", "{}");
  write("data/tamada.members.json", "{}");
  fs::create_directory(holder_of(root + "/data"));
  write(holder_of("data") + "/mark", "rewind");
  EXPECT_EQ(now(), before);
}

TEST_F(Tree, AnUnreadableTreeHasNoFingerprint) { EXPECT_EQ(fingerprint_of_tree(root + "/nowhere"), ""); }

}  // namespace
}  // namespace tamada::postgres
