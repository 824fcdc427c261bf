#include "dcs/cluster_cache.h"

#include <algorithm>
#include <utility>

#include "wire/keys.h"

namespace tamada::dcs {
namespace {

// How many outdated ranges in a row are ignored. A range may be older than events that the watch has delivered
// meanwhile, and would bring deleted keys back. After more of them etcd must have been restored from a backup, and the
// range is used.
constexpr int went_back_max = 3;
constexpr std::string_view leader_key = "leader";

}  // namespace

void ClusterCache::reset(const Range& range) {
  went_back_ = range.revision < revision_ ? went_back_ + 1 : 0;
  if (went_back_ >= went_back_max) {
    entries_.clear();
    revision_ = read_at_ = live_ = went_back_ = 0;
    touched();
  }
  if (went_back_ > 0) return;
  std::set<std::string_view> listed;
  for (const auto& kv : range.keys) {
    put(kv);
    listed.insert(kv.key);
  }
  // Tombstones are removed, too. The watch may still deliver events that are older than the range; apply() ignores
  // them.
  std::erase_if(entries_, [&](const auto& item) {
    const auto& [name, entry] = item;
    if (entry.mod_revision > range.revision || listed.contains(prefix_ + name)) return false;
    if (!entry.deleted) {
      --live_;
      touched();
    }
    return true;
  });
  // A leader may have come and gone between what the watch has delivered and the range.
  if (range.revision > revision_) leader_deleted_at_ = 0;
  if (!loaded_) touched();
  loaded_ = true;
  revision_ = std::max(revision_, range.revision);
  read_at_ = range.revision;
}

void ClusterCache::apply(const WatchBatch& batch) {
  for (const auto& event : batch.events) {
    if (event.kv.mod_revision <= read_at_) continue;
    if (event.deleted) {
      remove(event.kv.key, event.kv.mod_revision);
    } else {
      put(event.kv);
    }
    revision_ = std::max(revision_, event.kv.mod_revision);
  }
  revision_ = std::max(revision_, batch.revision);
  std::erase_if(entries_, [&](const auto& e) { return e.second.deleted && e.second.mod_revision <= revision_; });
}

void ClusterCache::put_locally(std::string_view key, std::string value, Revision revision, LeaseId lease) {
  Revision created = revision;
  if (key.starts_with(prefix_)) {
    const auto it = entries_.find(key.substr(prefix_.size()));
    if (it != entries_.end() && !it->second.deleted) created = it->second.create_revision;
  }
  put({.key = std::string(key),
       .value = std::move(value),
       .create_revision = created,
       .mod_revision = revision,
       .lease = std::move(lease)});
}

void ClusterCache::delete_locally(std::string_view key, Revision revision) { remove(key, revision); }

bool ClusterCache::matches(const Range& changed_since) const {
  if (!loaded_ || changed_since.revision < revision_ || changed_since.count != key_count()) return false;
  return std::ranges::all_of(changed_since.keys, [&](const KeyValue& kv) {
    if (!kv.key.starts_with(prefix_)) return false;
    const auto it = entries_.find(std::string_view(kv.key).substr(prefix_.size()));
    return it != entries_.end() && !it->second.deleted && it->second.mod_revision == kv.mod_revision;
  });
}

void ClusterCache::put(const KeyValue& kv) {
  if (!kv.key.starts_with(prefix_)) return;
  const auto name = std::string_view(kv.key).substr(prefix_.size());
  auto& entry = entries_[std::string(name)];
  const bool fresh = entry.mod_revision == 0;
  if (!fresh && kv.mod_revision <= entry.mod_revision) {
    // etcd reports a write that put_locally() has noted already. Only etcd knows for certain when the key was created.
    if (kv.mod_revision < entry.mod_revision || entry.deleted || entry.create_revision == kv.create_revision) return;
  }
  if (fresh || entry.deleted) ++live_;
  if (name == leader_key) leader_deleted_at_ = 0;
  entry = {.value = kv.value,
           .create_revision = kv.create_revision,
           .mod_revision = kv.mod_revision,
           .lease = kv.lease,
           .deleted = false};
  touched(name);
}

void ClusterCache::remove(std::string_view key, Revision revision) {
  if (!key.starts_with(prefix_)) return;
  const auto name = key.substr(prefix_.size());
  auto it = entries_.find(name);
  if (it == entries_.end()) it = entries_.emplace(name, Entry{.deleted = true}).first;
  auto& entry = it->second;
  if (revision <= entry.mod_revision) return;
  if (!entry.deleted) {
    --live_;
    touched();
  }
  entry = {.mod_revision = revision, .deleted = true};
  if (name == leader_key) leader_deleted_at_ = revision;
}

void ClusterCache::touched(std::string_view written) {
  ++changes_;
  // Frequently written keys are updated one by one. After a change of another key or a deletion the whole view is made
  // again.
  if (written == "status" || written.starts_with("members/")) {
    stale_.emplace(written);
  } else {
    view_current_ = false;
  }
}

void ClusterCache::show(std::string_view name, const Entry& entry) const {
  if (entry.deleted) return;
  wire::apply_put(view_, name,
                  {.value = entry.value,
                   .mod_revision = entry.mod_revision,
                   .create_revision = entry.create_revision,
                   .lease = entry.lease});
}

const core::ClusterView& ClusterCache::view() const {
  if (!view_current_) {
    view_ = core::ClusterView{};
    view_.loaded = loaded_;
    for (const auto& [name, entry] : entries_) show(name, entry);
  } else {
    for (const auto& name : stale_) {
      if (const auto it = entries_.find(name); it != entries_.end()) show(name, it->second);
    }
  }
  view_current_ = true;
  view_.revision = revision_;
  view_.given_up_by_stopped_leader =
      leader_deleted_at_ != 0 && view_.status && view_.status->revision == leader_deleted_at_;
  stale_.clear();
  return view_;
}

}  // namespace tamada::dcs
