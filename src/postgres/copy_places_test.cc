#include "postgres/copy_places.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace tamada::postgres {
namespace {

namespace fs = std::filesystem;

class CopyPlacesTest : public ::testing::Test {
 protected:
  CopyPlacesTest() {
    char name[] = "/tmp/tamada-copy-places-XXXXXX";
    root_ = ::mkdtemp(name);
    for (const char* folder : {"data", "wal", "a=b", "other"}) fs::create_directories(root_ / folder);
  }
  ~CopyPlacesTest() override { fs::remove_all(root_); }

  core::Result<CopyPlaces> find() {
    return CopyPlaces::find(root_ / "data",
                            {"--checkpoint=fast", "--waldir=" + (root_ / "wal").string(),
                             "--tablespace-mapping=/far=" + (root_ / "a\\=b").string()},
                            {"/far", root_ / "other"}, "15");
  }
  fs::path root_;
};

TEST_F(CopyPlacesTest, MappingsAreReadAsPgBasebackupReadsThem) {
  const auto mapping = parse_mapping("--tablespace-mapping=/a\\=b/=/c=d");
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->from, "/a=b");
  EXPECT_EQ(mapping->to, "/c=d");
  EXPECT_FALSE(parse_mapping("--tablespace-mapping=/a"));
  EXPECT_FALSE(parse_mapping("--waldir=/a=/b"));
}

TEST_F(CopyPlacesTest, EmptyDirectoriesAreWrittenInPlace) {
  const auto places = find();
  ASSERT_TRUE(places) << places.error().what;
  const std::vector<std::string> expected{
      "--pgdata=" + (root_ / "data").string(), "--waldir=" + (root_ / "wal").string(),
      "--tablespace-mapping=/far=" + (root_ / "a\\=b").string(), "--checkpoint=fast"};
  EXPECT_EQ(places->arguments(), expected);
  EXPECT_EQ(places->beside_data_dir().size(), 3u);
}

TEST_F(CopyPlacesTest, UnknownEntriesAreLeftAloneAndNamed) {
  std::ofstream(root_ / "wal/precious") << "x";
  const auto places = find();
  ASSERT_FALSE(places);
  EXPECT_TRUE(places.error().what.contains("the WAL directory " + (root_ / "wal").string() + " holds precious"))
      << places.error().what;
}

// The test itself writes the files that pg_basebackup would write.
TEST_F(CopyPlacesTest, ACopyForADirectoryWithEntriesIsMadeInTheHolderAndMovesUp) {
  for (const char* folder : {"data/lost+found", "wal/lost+found", "a=b/PG_14_1", "other/.snapshot"}) {
    fs::create_directories(root_ / folder);
  }
  fs::permissions(root_ / "data", fs::perms(0755));
  const auto places = find();
  ASSERT_TRUE(places) << places.error().what;
  ASSERT_TRUE(places->make_holders());
  const auto copy = [&](const char* folder) { return root_ / folder / "pgsql_tmp_tamada/pgsql_tmp_copy"; };
  const std::vector<std::string> expected{
      "--pgdata=" + copy("data").string(), "--waldir=" + copy("wal").string(),
      "--tablespace-mapping=/far=" + copy("a\\=b").string(),
      "--tablespace-mapping=" + (root_ / "other").string() + "=" + copy("other").string(), "--checkpoint=fast"};
  EXPECT_EQ(places->arguments(), expected);
  for (const char* folder : {"global", "pg_tblspc", "base"}) fs::create_directories(copy("data") / folder);
  fs::permissions(copy("data"), fs::perms(0700));
  for (const char* folder : {"wal", "a=b", "other"}) fs::create_directories(copy(folder) / "PG_15_1");
  fs::create_directory_symlink(copy("wal"), copy("data") / "pg_wal");
  fs::create_directory_symlink(copy("a=b"), copy("data") / "pg_tblspc/1");
  fs::create_directory_symlink(copy("other"), copy("data") / "pg_tblspc/2");
  std::ofstream(copy("data") / "global/pg_control") << "x";

  const auto moved = places->move_up();
  ASSERT_TRUE(moved) << moved.error().what;
  EXPECT_TRUE(fs::exists(root_ / "data/global/pg_control"));
  EXPECT_EQ(fs::read_symlink(root_ / "data/pg_wal"), root_ / "wal");
  EXPECT_EQ(fs::read_symlink(root_ / "data/pg_tblspc/1"), root_ / "a=b");
  EXPECT_EQ(fs::read_symlink(root_ / "data/pg_tblspc/2"), root_ / "other");
  EXPECT_EQ(entries_of(root_ / "a=b"), (std::vector<std::string>{"PG_14_1", "PG_15_1"}));
  EXPECT_EQ(fs::status(root_ / "data").permissions(), fs::perms(0700)) << "PostgreSQL refuses 0755";
  EXPECT_FALSE(fs::exists(copy("data")));
}

}  // namespace
}  // namespace tamada::postgres
