#include "postgres/set_aside.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>

#include "net/test_support.h"
#include "postgres/configuration_files.h"
#include "postgres/data_directory.h"
#include "postgres/files.h"

namespace tamada::postgres {
namespace {

namespace fs = std::filesystem;

// A data directory with WAL and two tablespaces outside it, and a third tablespace inside.
class SetAside : public ::testing::Test {
 protected:
  SetAside() {
    char name[] = "/tmp/tamada-set-aside-XXXXXX";
    root_ = ::mkdtemp(name);
    for (const char* folder : {"data", "wal", "space", "shared"}) fs::create_directories(root_ / folder);
  }
  ~SetAside() override {
    for (const auto& point : mounted_) ::umount2(point.c_str(), MNT_DETACH);
    fs::remove_all(root_);
  }

  void fill() {
    for (const char* folder :
         {"data/pg_tblspc", "data/base", "data/global", "space/PG_15_1", "shared/PG_15_1", "shared/PG_14_1"}) {
      fs::create_directories(root_ / folder);
    }
    fs::create_directory_symlink(root_ / "wal", root_ / "data/pg_wal");
    fs::create_directory_symlink(root_ / "space", root_ / "data/pg_tblspc/16384");
    fs::create_directory_symlink(root_ / "data/base", root_ / "data/pg_tblspc/16385");
    fs::create_directory_symlink(root_ / "shared", root_ / "data/pg_tblspc/16386");
    std::ofstream(root_ / "data/PG_VERSION") << "15\n";
    for (const char* file : {"data/global/pg_control", "data/base/1", "wal/1", "space/PG_15_1/1", "shared/PG_15_1/1",
                             "shared/PG_14_1/1"}) {
      std::ofstream(root_ / file) << "x";
    }
  }
  // Mounts a file system, which disappears with this process.
  bool mount(const char* folder) {
    static const bool own_mounts =
        ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    if (!own_mounts || ::mount("tmpfs", (root_ / folder).c_str(), "tmpfs", 0, "size=4m") != 0) return false;
    mounted_.push_back(root_ / folder);
    return true;
  }

  std::string data() const { return root_ / "data"; }
  SettingAside plan() {
    auto made = SettingAside::plan(data(), "old", true);
    EXPECT_TRUE(made) << made.error().what;
    return *made;
  }
  std::vector<std::string> lies_in(SettingAside made) {
    const auto done = made.carry_out();
    EXPECT_TRUE(done) << done.error().what;
    return made.lies_in();
  }
  void expect_aside(const std::string& aside) {
    EXPECT_TRUE(is_vacant(data()));
    for (const char* place : {"wal", "space"}) EXPECT_TRUE(is_vacant(root_ / place)) << place;
    EXPECT_EQ(entries_of(root_ / "shared"), std::vector<std::string>{"PG_14_1"})
        << "that folder belongs to another cluster";
    for (const char* file : {"global/pg_control", "pg_wal/1", "pg_tblspc/16384/PG_15_1/1", "pg_tblspc/16385/1",
                             "pg_tblspc/16386/PG_15_1/1"}) {
      EXPECT_TRUE(fs::exists(aside + "/" + file)) << file << " is missing";
    }
  }
  void expect_as_before() {
    for (const char* file : {"global/pg_control", "pg_wal/1", "pg_tblspc/16384/PG_15_1/1", "pg_tblspc/16385/1",
                             "pg_tblspc/16386/PG_15_1/1"}) {
      EXPECT_TRUE(fs::exists(data() + "/" + file)) << file;
    }
    for (const char* place : {"data", "wal", "space", "shared"}) {
      EXPECT_FALSE(fs::exists(holder_of(root_ / place))) << place;
      EXPECT_FALSE(fs::exists((root_ / place).string() + "_old")) << place;
    }
  }
  template <typename T>
  core::Result<T> result_of(awaitable<core::Result<T>> work) {
    asio::io_context io;
    core::Result<T> done = core::fail("not done");
    asio::co_spawn(io, std::move(work), [&](std::exception_ptr, core::Result<T> result) { done = result; });
    io.run();
    net::test::finish_other_threads();
    return done;
  }
  template <typename Work>
  void run(Work work) {
    const auto done = result_of(std::move(work));
    EXPECT_TRUE(done) << done.error().what;
  }
  fs::path root_;
  std::vector<fs::path> mounted_;
};

TEST_F(SetAside, WithItsWalAndTablespaces) {
  fill();
  const auto aside = lies_in(plan());
  const std::vector<std::string> expected{data() + "_old", root_ / "wal_old", root_ / "space_old",
                                          held(root_ / "shared", "old")};
  EXPECT_EQ(aside, expected);
  EXPECT_FALSE(fs::exists(data()));
  EXPECT_TRUE(fs::is_empty(root_ / "wal"));
  expect_aside(aside.front());
}

TEST_F(SetAside, RemovesEverythingThatBelongedToIt) {
  fill();
  SupersededList list(data());
  EXPECT_TRUE(list.empty());
  ASSERT_TRUE(list.add(lies_in(plan())));
  EXPECT_FALSE(SupersededList(data()).empty()) << "the next daemon must find the list";
  for (const char* folder : {"data/base", "space/PG_15_1", "shared/PG_15_1"}) fs::create_directories(root_ / folder);
  std::ofstream(root_ / "wal/new") << "y";
  run(list.remove_all());
  EXPECT_TRUE(list.empty());
  for (const char* gone : {"data_old", "wal_old", "space_old", "shared/pgsql_tmp_tamada"}) {
    EXPECT_FALSE(fs::exists(root_ / gone)) << gone;
  }
  for (const char* kept : {"wal/new", "data/base", "space/PG_15_1", "shared/PG_15_1", "shared/PG_14_1/1"}) {
    EXPECT_TRUE(fs::exists(root_ / kept)) << kept << " belongs to the new cluster or to another one";
  }
}

TEST_F(SetAside, ADataDirectoryThatIsALinkStaysOne) {
  fill();
  fs::rename(root_ / "data", root_ / "disk");
  fs::remove(root_ / "disk/pg_tblspc/16385");
  fs::create_directory_symlink(root_ / "disk/base", root_ / "disk/pg_tblspc/16385");
  fs::create_directory_symlink(root_ / "disk", root_ / "data");
  const auto aside = lies_in(plan());
  EXPECT_EQ(aside.front(), root_ / "disk_old");
  EXPECT_TRUE(fs::is_symlink(data()));
  expect_aside(aside.front());
}

// First each of the places alone is a mount point, then all of them are.
TEST_F(SetAside, MountPointsKeepTheirPlace) {
  if (!mount("shared")) GTEST_SKIP() << "only root may mount";
  const std::vector<std::vector<const char*>> cases{{"data"}, {"wal"}, {"space"}, {"data", "wal", "space"}};
  for (const auto& folders : cases) {
    for (const char* folder : {"data_old", "data", "wal_old", "wal", "space_old", "space"}) {
      fs::remove_all(root_ / folder);
    }
    for (const char* folder : {"data", "wal", "space"}) fs::create_directories(root_ / folder);
    for (const auto& entry : fs::directory_iterator(root_ / "shared")) fs::remove_all(entry);
    for (const char* folder : folders) ASSERT_TRUE(mount(folder)) << folder;
    fill();
    fs::create_directory(root_ / "wal/lost+found");
    SCOPED_TRACE(std::string("mounted: ") + folders.front());
    const auto aside = lies_in(plan());
    for (const char* folder : folders) {
      EXPECT_NE(std::find(aside.begin(), aside.end(), held(root_ / folder, "old")), aside.end()) << folder;
    }
    expect_aside(aside.front());
    for (std::size_t i = 0; i < folders.size(); ++i) {
      ASSERT_EQ(::umount2(mounted_.back().c_str(), MNT_DETACH), 0);
      mounted_.pop_back();
    }
  }
}

// The daemon dies after k renames, for each k. Its next run reads the plan from disk and finishes it.
TEST_F(SetAside, InterruptedAnywhereIsFinished) {
  const bool can_mount = mount("wal");
  fill();
  const auto whole = plan();
  // When the daemon died, each place was untouched, was renamed and not made again, or had some of its entries moved
  // down.
  const std::vector<std::function<void()>> steps{
      [&] { fs::rename(root_ / "data", root_ / "data_old"); },
      [&] {
        fs::create_directories(held(root_ / "wal", "old"));
        if (!can_mount) fs::remove_all(holder_of(root_ / "wal"));
      },
      [&] {
        if (can_mount) fs::rename(root_ / "wal/1", held(root_ / "wal", "old") + "/1");
      },
      [&] { fs::rename(root_ / "space", root_ / "space_old"); },
      [&] { fs::create_directory(root_ / "space"); },
      [&] { fs::create_directories(held(root_ / "shared", "old")); },
  };
  for (std::size_t done = 0; done <= steps.size(); ++done) {
    SCOPED_TRACE("interrupted after step " + std::to_string(done));
    for (std::size_t i = 0; i < done; ++i) steps[i]();
    auto again = SettingAside::read(whole.text());
    ASSERT_TRUE(again) << again.error().what;
    const auto aside = lies_in(*again);
    expect_aside(aside.front());
    EXPECT_EQ(lies_in(*again), aside) << "a second call must change nothing";
    for (const char* folder : {"data", "data_old", "wal_old", "space", "space_old", "shared"}) {
      fs::remove_all(root_ / folder);
    }
    for (const auto& entry : fs::directory_iterator(root_ / "wal")) fs::remove_all(entry);
    for (const char* folder : {"data", "space", "shared"}) fs::create_directories(root_ / folder);
    fill();
  }
}

TEST_F(SetAside, AFailureIsUndone) {
  fill();
  auto made = plan();
  // A file has the name that the last place's holder would get.
  std::ofstream(holder_of(root_ / "shared")) << "x";
  const auto done = made.carry_out();
  ASSERT_FALSE(done);
  EXPECT_TRUE(made.is_undone()) << done.error().what;
  fs::remove(holder_of(root_ / "shared"));
  expect_as_before();
}

TEST_F(SetAside, AMountPointInsideIsRefusedBeforeAnythingMoves) {
  fill();
  if (!mount("data/base")) GTEST_SKIP() << "only root may mount";
  std::ofstream(root_ / "data/base/1") << "x";
  const auto refused = SettingAside::plan(data(), "old", true);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().what.contains(data() + "/base is a mount point")) << refused.error().what;
  expect_as_before();
}

// The daemon's own files about a data directory that is a mount point are inside it, because files beside it may
// disappear with a container.
TEST_F(SetAside, TheFilesAboutAMountPointAreInsideIt) {
  if (!mount("data")) GTEST_SKIP() << "only root may mount";
  fill();
  config::Postgresql postgresql;
  postgresql.data_dir = postgresql.config_dir = data();
  const Paths paths(postgresql);
  {
    DataDirectory first(paths);
    ASSERT_TRUE(Note(data(), "setting_aside").write(plan().text()));
    fs::create_directories(held(data(), "old"));
    fs::rename(data() + "/base", held(data(), "old") + "/base");
    EXPECT_TRUE(first.incomplete()) << "an incomplete directory must not be started";
  }
  for (const char* beside : {"data.setting_aside", "data.incomplete", "data.superseded"}) fs::remove(root_ / beside);
  DataDirectory next(paths);
  EXPECT_TRUE(next.incomplete());
  const auto done = next.finish_setting_aside();
  ASSERT_TRUE(done) << done.error().what;
  expect_aside(held(data(), "old"));
  EXPECT_TRUE(next.copy_follows());
  EXPECT_FALSE(next.incomplete());
  EXPECT_FALSE(next.superseded().empty());
  run(next.superseded().remove_all());
  EXPECT_FALSE(fs::exists(held(data(), "old")));
  ASSERT_TRUE(next.mark_complete());
  EXPECT_FALSE(fs::exists(holder_of(data())));
}

TEST_F(SetAside, TheSizeIsThatOfWhatACopyReplaces) {
  fill();
  config::Postgresql postgresql;
  postgresql.data_dir = postgresql.config_dir = data();
  const Paths paths(postgresql);
  const DataDirectory directory(paths);
  fs::create_directories(held(data(), "old"));
  const std::pair<const char*, std::size_t> files[] = {{"data/base/2", 3},
                                                       {"space/PG_15_1/2", 5},
                                                       {"wal/2", 16},
                                                       {"shared/PG_14_1/2", 64},
                                                       {"data/pgsql_tmp_tamada/old/2", 128}};
  constexpr std::size_t mb = 1'000'000;
  for (const auto& [file, size] : files) std::ofstream(root_ / file) << std::string(size * mb, 'x');
  const auto measured = result_of(directory.size(std::chrono::seconds(30)));
  ASSERT_TRUE(measured) << measured.error().what;
  EXPECT_GE(measured->data, 8 * mb) << "the tablespace belongs to the data";
  EXPECT_LT(measured->data, 9 * mb) << "neither another version's cluster nor data set aside do";
  EXPECT_GE(measured->wal, 16 * mb);
  EXPECT_LT(measured->wal, 17 * mb);
  fs::remove(root_ / "data/pg_wal");  // no link now
  fs::rename(root_ / "wal", root_ / "data/pg_wal");
  const auto inside = result_of(directory.size(std::chrono::seconds(30)));
  ASSERT_TRUE(inside) << inside.error().what;
  EXPECT_LT(inside->data, 9 * mb);
  EXPECT_GE(inside->wal, 16 * mb);
}

// pg_rewind would remove the holders, because its source does not have them.
TEST_F(SetAside, HoldersAreClearedBeforePgRewind) {
  fill();
  config::Postgresql postgresql;
  postgresql.data_dir = postgresql.config_dir = data();
  const Paths paths(postgresql);
  DataDirectory directory(paths);
  SupersededList list(data());
  fs::create_directories(held(root_ / "wal", "old"));
  ASSERT_TRUE(list.add({held(root_ / "wal", "old")}));
  run(directory.clear_holders());
  EXPECT_FALSE(fs::exists(holder_of(root_ / "wal"))) << "the directory in it was superseded";
  fs::create_directories(held(root_ / "space", "old"));
  const auto refused = result_of(directory.clear_holders());
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().what.contains(held(root_ / "space", "old"))) << refused.error().what;
}

TEST_F(SetAside, OnlyTheFilesOfAnUnfinishedCopyAreRemoved) {
  fs::create_directories(root_ / "shared/PG_14_1");
  config::Postgresql postgresql;
  postgresql.data_dir = postgresql.config_dir = data();
  const Paths paths(postgresql);
  DataDirectory directory(paths);
  ASSERT_TRUE(directory.mark_incomplete(
      "basebackup", {{.directory = root_ / "wal"}, {.directory = root_ / "shared", .prefix = "PG_15_"}}));
  for (const char* file : {"data/backup_label", "wal/000000010000000000000001", "shared/other"})
    std::ofstream(root_ / file) << "x";
  fs::create_directories(root_ / "shared/PG_15_1/5");
  fs::create_directories(held(root_ / "shared", "copy") + "/PG_15_1");
  EXPECT_TRUE(directory.anything_left());
  run(directory.make_room(true));
  EXPECT_TRUE(directory.incomplete()) << "the directory is incomplete until a copy has succeeded";
  EXPECT_FALSE(directory.anything_left());
  for (const char* place : {"data", "wal"}) EXPECT_TRUE(is_empty_or_absent(root_ / place)) << place;
  EXPECT_EQ(entries_of(root_ / "shared"), (std::vector<std::string>{"PG_14_1", "other"}));
  EXPECT_FALSE(fs::exists(holder_of(root_ / "shared")));
}

}  // namespace
}  // namespace tamada::postgres
