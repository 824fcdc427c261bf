#include "agent/consents.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tamada::agent {
namespace {

using namespace std::chrono_literals;

constexpr core::Instant now = core::Instant(1000s);

core::FailsafeView consent() {
  core::FailsafeView given;
  given.known_since = now - 100s;
  given.told_at = now - 5s;
  given.told_for = 30s;
  given.leader = {.name = "b",
                  .conn_url = "postgres://b:5432/postgres",
                  .api_url = "http://b:8008/patroni",
                  .slots = {{"a", 500}},
                  .ttl = 20s};
  return given;
}

TEST(Consents, TheNextRunKnowsThem) {
  const auto again = read_consents("/service/demo/", "a", consents_text("/service/demo/", "a", consent()), now);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->known_since, now - 100s);
  EXPECT_EQ(again->told_at, now - 5s);
  EXPECT_EQ(again->told_for, 30s);
  EXPECT_EQ(again->leader.name, "b");
  EXPECT_EQ(again->leader.conn_url, "postgres://b:5432/postgres");
  EXPECT_EQ(again->leader.slots.at("a"), 500U);
}

TEST(Consents, ThatNoneWasGivenIsKnown) {
  core::FailsafeView none;
  none.known_since = now - 100s;
  const auto again = read_consents("/service/demo/", "a", consents_text("/service/demo/", "a", none), now);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->known_since, now - 100s);
  EXPECT_EQ(again->told_at, core::Instant{});
}

TEST(Consents, WhatCannotBeTrueCountsForNothing) {
  const auto text = consents_text("/service/demo/", "a", consent());
  EXPECT_FALSE(read_consents("/service/other/", "a", text, now));
  EXPECT_FALSE(read_consents("/service/demo/", "b", text, now));
  EXPECT_FALSE(read_consents("/service/demo/", "a", text, now - 6s)) << "given in the future";
  EXPECT_FALSE(read_consents("/service/demo/", "a", text, now - 101s)) << "known since the future";
  for (const auto* wrong : {"", "{", "[]", "null", R"({"cluster":"/service/demo/","member":"a"})",
                            R"({"cluster":"/service/demo/","member":"a","known_since_ns":"x"})",
                            R"({"cluster":"/service/demo/","member":"a","known_since_ns":1,"told_at_ns":"x"})",
                            R"({"cluster":"/service/demo/","member":"a","known_since_ns":1,"told_at_ns":1})"})
    EXPECT_FALSE(read_consents("/service/demo/", "a", wrong, now)) << wrong;
}

struct Folder {
  Folder() {
    char name[] = "/tmp/tamada-consents-test.XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string only_file() const {
    std::string found;
    for (const auto& one : std::filesystem::directory_iterator(path)) {
      EXPECT_TRUE(found.empty()) << "a second file: " << one.path();
      found = one.path();
    }
    return found;
  }
  std::string path;
};

TEST(Consents, TheNoteOutlivesTheDaemon) {
  Folder folder;
  EXPECT_EQ(SharedMemoryNote("/data", folder.path).read(), "");
  EXPECT_TRUE(SharedMemoryNote("/data", folder.path).write("one"));
  EXPECT_TRUE(SharedMemoryNote("/data", folder.path).write("two"));
  EXPECT_EQ(SharedMemoryNote("/data", folder.path).read(), "two");
  EXPECT_EQ(SharedMemoryNote("/data2", folder.path).read(), "") << "each data directory has its own";
  struct stat found{};
  ASSERT_EQ(stat(folder.only_file().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
}

TEST(Consents, TheNoteDoesNotOutliveTheBoot) {
  Folder folder;
  SharedMemoryNote note("/data", folder.path);
  ASSERT_TRUE(note.write("one"));
  std::ofstream(folder.only_file()) << "b5e1e0d6-0000-0000-0000-000000000000\none";
  EXPECT_EQ(note.read(), "");
}

TEST(Consents, ANoteThatCannotBeWrittenLeavesNoFormerOne) {
  Folder folder;
  SharedMemoryNote note("/data", folder.path);
  ASSERT_TRUE(note.write("one"));
  std::filesystem::create_directories(folder.only_file() + ".new/full");  // in the way of the new file
  EXPECT_TRUE(note.write("two")) << "the next run knows that it knows nothing";
  EXPECT_EQ(note.read(), "");
  EXPECT_TRUE(SharedMemoryNote("/data", folder.path + "/missing").write("one"));
}

// Root may write in every folder, so the test is another user for a moment.
struct NotRoot {
  NotRoot() {
    if (root) EXPECT_EQ(seteuid(65534), 0);
  }
  ~NotRoot() {
    if (root) EXPECT_EQ(seteuid(0), 0);
  }
  bool root = geteuid() == 0;
};

TEST(Consents, AFormerNoteThatCannotBeRemovedIsTold) {
  Folder folder;
  if (geteuid() == 0) ASSERT_EQ(chown(folder.path.c_str(), 65534, 65534), 0);
  NotRoot not_root;
  SharedMemoryNote note("/data", folder.path);
  ASSERT_TRUE(note.write("one"));
  ASSERT_EQ(chmod(folder.path.c_str(), 0500), 0);
  EXPECT_FALSE(note.write("two"));
  EXPECT_EQ(note.read(), "one");
  ASSERT_EQ(chmod(folder.path.c_str(), 0700), 0);
}

}  // namespace
}  // namespace tamada::agent
