#include "postgres/set_aside.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>

namespace tamada::postgres {
namespace {

namespace fs = std::filesystem;

// A data directory with its WAL and a tablespace elsewhere.
class SetAside : public ::testing::Test {
 protected:
  SetAside() {
    char name[] = "/tmp/tamada-set-aside-XXXXXX";
    root_ = ::mkdtemp(name);
    for (const char* folder : {"data/pg_tblspc", "data/base", "wal", "space"}) fs::create_directories(root_ / folder);
    fs::create_directory_symlink(root_ / "wal", root_ / "data/pg_wal");
    fs::create_directory_symlink(root_ / "space", root_ / "data/pg_tblspc/16384");
    fs::create_directory_symlink(root_ / "data/base", root_ / "data/pg_tblspc/16385");
    for (const char* file : {"data/PG_VERSION", "wal/1", "space/1"}) std::ofstream(root_ / file) << "x";
  }
  ~SetAside() override { fs::remove_all(root_); }

  std::string data() const { return root_ / "data"; }
  void remove_all(const SupersededList& list) {
    asio::io_context io;
    core::Result<void> done = core::fail("not done");
    asio::co_spawn(io, list.remove_all(), [&](std::exception_ptr, core::Result<void> result) { done = result; });
    io.run();
    EXPECT_TRUE(done) << done.error().what;
  }
  fs::path root_;
};

TEST_F(SetAside, WithItsWalAndTablespaces) {
  const auto aside = rename_aside(data(), "old");
  ASSERT_TRUE(aside) << aside.error().what;
  EXPECT_EQ(*aside, data() + "_old");
  EXPECT_FALSE(fs::exists(data()));
  EXPECT_TRUE(fs::is_empty(root_ / "wal"));
  EXPECT_TRUE(fs::is_empty(root_ / "space"));
  EXPECT_TRUE(fs::exists(*aside + "/pg_wal/1")) << "it is as complete as it was";
  EXPECT_TRUE(fs::exists(*aside + "/pg_tblspc/16384/1"));
}

TEST_F(SetAside, RemovedWithAllThatWasItsOwn) {
  SupersededList list(data());
  EXPECT_TRUE(list.empty());
  ASSERT_TRUE(list.add(*rename_aside(data(), "old")));
  EXPECT_FALSE(SupersededList(data()).empty()) << "the next daemon knows";
  fs::create_directories(root_ / "data");
  std::ofstream(root_ / "wal/new") << "y";
  remove_all(list);
  EXPECT_TRUE(list.empty());
  EXPECT_FALSE(fs::exists(data() + "_old"));
  EXPECT_FALSE(fs::exists(root_ / "wal_old"));
  EXPECT_FALSE(fs::exists(root_ / "space_old"));
  EXPECT_TRUE(fs::exists(root_ / "wal/new"));
  EXPECT_TRUE(fs::exists(data()));
}

TEST_F(SetAside, ADataDirectoryThatIsALinkStaysOne) {
  fs::rename(root_ / "data", root_ / "disk");
  fs::remove(root_ / "disk/pg_tblspc/16385");
  fs::create_directory_symlink(root_ / "disk", root_ / "data");
  const auto aside = rename_aside(data(), "old");
  ASSERT_TRUE(aside) << aside.error().what;
  EXPECT_EQ(*aside, root_ / "disk_old");
  EXPECT_TRUE(fs::is_symlink(data()));
  EXPECT_TRUE(fs::is_empty(root_ / "disk"));
  EXPECT_TRUE(fs::exists(*aside + "/pg_wal/1"));
}

}  // namespace
}  // namespace tamada::postgres
