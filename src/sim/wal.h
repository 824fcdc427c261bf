// The true contents of each server's WAL. PostgreSQL numbers its timelines, and two servers may give the same number to
// different histories. A branch is exactly one history.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/cluster_view.h"
#include "core/types.h"

namespace tamada::sim {

using core::Lsn;
using core::Timeline;

struct Position {
  int branch = -1;
  Lsn lsn = 0;
  bool operator==(const Position&) const = default;
};

struct Branch {
  Timeline timeline = 1;
  int parent = -1;
  Lsn fork = 0;  // the position at which it left its parent
  std::string system_identifier;
};

class Wal {
 public:
  int root(std::string system_identifier) {
    branches_.push_back({1, -1, 0, std::move(system_identifier)});
    return last();
  }
  int fork(Position from, Timeline timeline) {
    branches_.push_back({timeline, from.branch, from.lsn, of(from.branch).system_identifier});
    return last();
  }
  const Branch& of(int branch) const { return branches_[static_cast<std::size_t>(branch)]; }
  Timeline timeline(Position at) const { return at.branch < 0 ? 0 : of(at.branch).timeline; }

  // The position up to which `branch` is a part of the history that ends at `whole`.
  Lsn shared(Position whole, int branch) const {
    Lsn limit = whole.lsn;
    for (int at = whole.branch; at >= 0; at = of(at).parent) {
      if (at == branch) return limit;
      limit = std::min(limit, of(at).fork);
    }
    return 0;
  }
  bool contains(Position whole, Position part) const {
    return part.branch < 0 || shared(whole, part.branch) >= part.lsn;
  }
  // The branch with this number in the history that ends at `whole`.
  std::optional<int> on(Position whole, Timeline number) const {
    for (int at = whole.branch; at >= 0; at = of(at).parent) {
      if (of(at).timeline == number) return at;
    }
    return std::nullopt;
  }
  // The last position that both histories have.
  Position common(Position a, Position b) const {
    Lsn limit = b.lsn;
    for (int at = b.branch; at >= 0; at = of(at).parent) {
      if (const Lsn both = std::min(limit, shared(a, at)); shared(a, at) > 0) return {at, both};
      limit = std::min(limit, of(at).fork);
    }
    return {};
  }
  // The lines of the branch's timeline history file.
  std::vector<core::HistoryLine> history(int branch) const {
    std::vector<core::HistoryLine> lines;
    for (int at = branch; at >= 0 && of(at).parent >= 0; at = of(at).parent) {
      lines.insert(lines.begin(), {.timeline = of(of(at).parent).timeline,
                                   .lsn = of(at).fork,
                                   .reason = "no recovery target specified",
                                   .timestamp = {},
                                   .new_leader = {}});
    }
    return lines;
  }

 private:
  int last() const { return static_cast<int>(branches_.size()) - 1; }
  std::vector<Branch> branches_;
};

}  // namespace tamada::sim
