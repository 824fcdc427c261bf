#include "dcs/cluster_cache.h"

#include <gtest/gtest.h>

namespace tamada::dcs {
namespace {

KeyValue kv(const std::string& key, const std::string& value, Revision mod, Revision created = 0, LeaseId lease = {}) {
  return {.key = "/s/demo/" + key,
          .value = value,
          .create_revision = created ? created : mod,
          .mod_revision = mod,
          .lease = lease};
}
WatchBatch put_event(KeyValue changed) {
  const auto revision = changed.mod_revision;
  return {.events = {{.deleted = false, .kv = std::move(changed)}}, .revision = revision};
}
WatchBatch delete_event(const std::string& key, Revision revision) {
  return {.events = {{.deleted = true, .kv = {.key = "/s/demo/" + key, .mod_revision = revision}}},
          .revision = revision};
}
std::string leader(const ClusterCache& cache) { return cache.view().leader ? cache.view().leader->name : "-"; }

struct ClusterCacheTest : testing::Test {
  ClusterCache cache{"/s/demo/"};
  void load() {
    cache.reset(
        {.keys = {kv("leader", "n0", 5, 4, LeaseId("77")), kv("initialize", "123", 2)}, .count = 2, .revision = 9});
  }
};

TEST_F(ClusterCacheTest, IsNotLoadedBeforeTheFirstRange) {
  EXPECT_FALSE(cache.view().loaded);
  EXPECT_FALSE(cache.matches({.keys = {}, .count = 0, .revision = 1}));
  cache.reset({.keys = {}, .count = 0, .revision = 1});
  EXPECT_TRUE(cache.view().loaded);
  EXPECT_EQ(cache.revision(), 1);
}

TEST_F(ClusterCacheTest, ShowsTheKeysOfTheRange) {
  load();
  ASSERT_TRUE(cache.view().leader);
  EXPECT_EQ(cache.view().leader->name, "n0");
  EXPECT_EQ(cache.view().leader->revision, 5);
  EXPECT_EQ(cache.view().leader->create_revision, 4);
  EXPECT_EQ(cache.view().leader->lease, LeaseId("77"));
  EXPECT_EQ(cache.view().initialize, "123");
  EXPECT_EQ(cache.key_count(), 2);
}

// The last position and the deletion of the leader key have one revision: the leader's own transaction.
TEST_F(ClusterCacheTest, ShowsThatAStoppedLeaderGaveTheKeyUp) {
  const std::string position = R"({"optime": 1000})";
  const auto give_up = [&](Revision status, Revision deletion) {
    cache.apply(put_event(kv("status", position, status)));
    cache.apply(delete_event("leader", deletion));
    return cache.view().given_up_by_stopped_leader;
  };
  load();
  EXPECT_FALSE(cache.view().given_up_by_stopped_leader);
  EXPECT_TRUE(give_up(12, 12));
  cache.reset({.keys = {kv("status", position, 12), kv("initialize", "123", 2)}, .count = 2, .revision = 12});
  EXPECT_TRUE(cache.view().given_up_by_stopped_leader) << "the range has nothing new";

  cache.apply(put_event(kv("leader", "n1", 13)));
  EXPECT_FALSE(cache.view().given_up_by_stopped_leader);
  cache.apply(delete_event("leader", 14));
  EXPECT_FALSE(cache.view().given_up_by_stopped_leader) << "the lease of n1 has ended";

  cache.apply(put_event(kv("leader", "n1", 15)));
  EXPECT_FALSE(give_up(16, 17)) << "somebody else deleted the key";

  cache.apply(put_event(kv("leader", "n1", 18)));
  ASSERT_TRUE(give_up(19, 19));
  cache.reset({.keys = {kv("status", position, 19), kv("initialize", "123", 2)}, .count = 2, .revision = 21});
  EXPECT_FALSE(cache.view().given_up_by_stopped_leader) << "a leader may have come and gone before the range was read";
}

TEST_F(ClusterCacheTest, FollowsTheWatch) {
  load();
  auto before = cache.changes();
  cache.apply(put_event(kv("leader", "n1", 12)));
  EXPECT_EQ(leader(cache), "n1");
  EXPECT_GT(cache.changes(), before);
  EXPECT_EQ(cache.revision(), 12);
  cache.apply(delete_event("leader", 13));
  EXPECT_EQ(leader(cache), "-");
  EXPECT_EQ(cache.key_count(), 1);
  before = cache.changes();
  cache.apply({.events = {}, .revision = 20});
  EXPECT_EQ(cache.revision(), 20);
  EXPECT_EQ(cache.changes(), before);
}

TEST_F(ClusterCacheTest, OwnPutIsNotUndoneByOlderEvents) {
  load();
  cache.put_locally("/s/demo/leader", "me", 15, LeaseId("88"));
  EXPECT_EQ(leader(cache), "me");
  EXPECT_EQ(cache.view().leader->create_revision, 4);  // the key had existed before
  EXPECT_EQ(cache.revision(), 9);                      // only the watch and a range advance this revision
  cache.apply(delete_event("leader", 14));
  EXPECT_EQ(leader(cache), "me");
  cache.apply(put_event(kv("leader", "me", 15, 15, LeaseId("88"))));  // the key was deleted in between
  EXPECT_EQ(leader(cache), "me");
  EXPECT_EQ(cache.view().leader->create_revision, 15);
  cache.apply(delete_event("leader", 16));
  EXPECT_EQ(leader(cache), "-");
}

TEST_F(ClusterCacheTest, OwnDeleteIsNotUndoneByOlderEvents) {
  load();
  cache.delete_locally("/s/demo/leader", 15);
  EXPECT_EQ(leader(cache), "-");
  EXPECT_EQ(cache.key_count(), 1);
  cache.apply(put_event(kv("leader", "n0", 11)));
  EXPECT_EQ(leader(cache), "-");
  cache.reset({.keys = {kv("leader", "n0", 11), kv("initialize", "123", 2)}, .count = 2, .revision = 12});
  EXPECT_EQ(leader(cache), "-");
  cache.apply(delete_event("leader", 15));
  EXPECT_EQ(cache.key_count(), 1);
  cache.apply(put_event(kv("leader", "n2", 16)));
  EXPECT_EQ(leader(cache), "n2");
}

TEST_F(ClusterCacheTest, AnOldRangeKeepsWhatIsNewer) {
  load();
  cache.put_locally("/s/demo/members/n1", "{}", 30, LeaseId("1"));
  cache.reset({.keys = {kv("initialize", "123", 2)}, .count = 1, .revision = 20});
  EXPECT_EQ(leader(cache), "-");  // the range no longer contains the key
  EXPECT_TRUE(cache.view().member("n1"));
  EXPECT_EQ(cache.key_count(), 2);
  EXPECT_EQ(cache.revision(), 20);
}

TEST_F(ClusterCacheTest, ARangeThatWasReadBeforeADeletionDoesNotUndoIt) {
  load();
  cache.apply(delete_event("leader", 12));
  cache.reset(
      {.keys = {kv("leader", "n0", 5, 4, LeaseId("77")), kv("initialize", "123", 2)}, .count = 2, .revision = 11});
  EXPECT_EQ(leader(cache), "-");
  EXPECT_EQ(cache.key_count(), 1);
  EXPECT_EQ(cache.revision(), 12);
}

TEST_F(ClusterCacheTest, AnEventOlderThanTheLastRangeDoesNotUndoIt) {
  load();
  cache.delete_locally("/s/demo/leader", 15);
  // The range was read while the watch lagged behind.
  cache.reset({.keys = {kv("initialize", "123", 2)}, .count = 1, .revision = 20});
  cache.apply(put_event(kv("leader", "n0", 11)));
  EXPECT_EQ(leader(cache), "-");
  EXPECT_EQ(cache.key_count(), 1);
  cache.apply(delete_event("leader", 15));
  cache.apply(put_event(kv("leader", "n2", 21)));
  EXPECT_EQ(leader(cache), "n2");
  EXPECT_EQ(cache.revision(), 21);
}

TEST_F(ClusterCacheTest, AStoreRestoredFromABackupIsAcceptedAfterAWhile) {
  load();
  const Range old{.keys = {kv("leader", "n7", 3)}, .count = 1, .revision = 4};
  EXPECT_FALSE(cache.matches({.keys = {}, .count = 2, .revision = 4}));
  cache.reset(old);
  EXPECT_EQ(leader(cache), "n0");
  cache.reset(old);
  cache.reset(old);
  EXPECT_EQ(leader(cache), "n7");
  EXPECT_EQ(cache.revision(), 4);
  EXPECT_EQ(cache.key_count(), 1);
}

TEST_F(ClusterCacheTest, MatchesOnlyAProof) {
  load();
  const Range nothing{.keys = {}, .count = 2, .revision = 10};
  EXPECT_TRUE(cache.matches(nothing));
  EXPECT_FALSE(cache.matches({.keys = {}, .count = 1, .revision = 10}));                       // a key was deleted
  EXPECT_FALSE(cache.matches({.keys = {kv("leader", "x", 10)}, .count = 2, .revision = 10}));  // a key was changed
  cache.put_locally("/s/demo/status", "{}", 11, {});
  EXPECT_FALSE(cache.matches(nothing));
  EXPECT_TRUE(cache.matches({.keys = {kv("status", "{}", 11)}, .count = 3, .revision = 12}));
  EXPECT_FALSE(cache.matches({.keys = {kv("status", "{}", 12)}, .count = 3, .revision = 12}));
}

TEST_F(ClusterCacheTest, IgnoresKeysOfOthers) {
  load();
  KeyValue other{.key = "/s/demo2/leader", .value = "x", .create_revision = 10, .mod_revision = 10};
  cache.apply(put_event(other));
  cache.delete_locally("/s/demo2/leader", 12);
  EXPECT_EQ(cache.key_count(), 2);
  EXPECT_EQ(leader(cache), "n0");
}

}  // namespace
}  // namespace tamada::dcs
