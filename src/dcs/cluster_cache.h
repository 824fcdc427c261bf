// What this node knows of the keys under a cluster's prefix. Watch events and our own writes keep it current. No I/O.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "core/cluster_view.h"
#include "dcs/dcs.h"

namespace tamada::dcs {

class ClusterCache {
 public:
  explicit ClusterCache(std::string prefix) : prefix_(std::move(prefix)) {}  // the prefix ends with a slash

  // Takes over a range that covers the whole prefix. Changes later than the range's revision stay. A range older than
  // revision() is ignored.
  void reset(const Range& range);
  void apply(const WatchBatch& batch);

  // Our own transaction succeeded at `revision`. The cache shows it at once, before the watch does. Events of that
  // revision or of an older one change nothing. `key` is the whole key.
  void put_locally(std::string_view key, std::string value, Revision revision, LeaseId lease);
  void delete_locally(std::string_view key, Revision revision);

  bool loaded() const { return loaded_; }
  // All changes up to this revision are known, so a watch continues at revision() + 1.
  Revision revision() const { return revision_; }
  std::int64_t key_count() const { return live_; }
  // Grows with each change of a key.
  std::uint64_t changes() const { return changes_; }
  // Whether the cache misses no change. `changed_since` was read with min_mod_revision = revision() + 1. Our own writes
  // may be in the cache before the watch delivers them, which counts as no difference.
  bool matches(const Range& changed_since) const;

  // Valid until the next change.
  const core::ClusterView& view() const;

 private:
  struct Entry {
    std::string value;
    Revision create_revision = 0, mod_revision = 0;
    LeaseId lease;
    bool deleted = false;  // a tombstone, which keeps older events from bringing the key back
  };

  void put(const KeyValue& kv);
  void remove(std::string_view key, Revision revision);
  void touched(
      std::string_view written = {});  // `written`: the name of the changed key; empty: any key may have changed
  void show(std::string_view name, const Entry& entry) const;

  std::string prefix_;
  std::map<std::string, Entry, std::less<>> entries_;  // by the key without the prefix
  Revision revision_ = 0;
  Revision read_at_ = 0;  // revision of the last range, which contains the effect of all events up to that revision
  std::int64_t live_ = 0;
  std::uint64_t changes_ = 0;
  Revision leader_deleted_at_ = 0;  // 0: there is a leader key, or its deletion was not seen
  int went_back_ = 0;
  bool loaded_ = false;
  mutable core::ClusterView view_;
  mutable bool view_current_ = true;                  // view_ is up to date, except for the keys in stale_
  mutable std::set<std::string, std::less<>> stale_;  // the names of keys that view_ shows with an older value
};

}  // namespace tamada::dcs
