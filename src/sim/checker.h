// Checks what must hold after every event, whatever happens; see docs/simulation.md for the list.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/cluster.h"

namespace tamada::sim {

// A cluster counts as recovered when this many checks in a row find it complete.
inline constexpr int whole_for_looks = 5;

struct Statistics {
  std::uint64_t commits = 0, lost = 0, failovers = 0, handovers = 0;
  std::uint64_t promised = 0;          // number of commits that were acknowledged while the key sync named the primary
  std::uint64_t frozen_overlaps = 0;   // how often there were two primaries while the daemon of one was out of control
  std::uint64_t history_rewrites = 0;  // how often a timeline's number was given to two histories
  Duration longest_without_primary{};
};

class Checker {
 public:
  explicit Checker(Cluster& cluster);

  void after_event();
  // Runs a client that writes to each server that accepts writes.
  void client();
  void faults_are_over() { quiet_ = true; }
  // Why the cluster has not recovered yet; empty when it has.
  std::string trouble() const;
  // Whether the leader of a standby cluster has WAL that the origin lacks.
  bool leads_apart_from_origin() const;
  // Whether a member that the key sync names has lost its data.
  bool votes_are_lost() const;

  const Node* leader_node() const;  // the holder of the leader key
  void violation(const std::string& what);
  void corrupted(const SimServer& server, const std::string& what);
  const std::vector<std::string>& violations() const { return violations_; }
  const Statistics& statistics() const { return statistics_; }

 private:
  bool excused(const Node& node) const;
  bool paused_anywhere() const;
  bool must_know_of_pause(const Node& node) const;
  const Node* healthier(const Node& chosen) const;
  void acknowledged(SimServer& server, Lsn lsn);
  bool asked_for() const;
  void check_standby_cluster();
  void check_promises(const SimServer& server);
  void check_may_lead(const Node& node);
  void config_written(const std::string& json);
  void new_primary(SimServer& server);
  void decided(Node& node, const api::Snapshot& snapshot);
  void check_repetition(Node& node, const core::Decision& decision);
  void key_changed(const dcs::KeyValue& kv, bool deleted);
  void key_taken();
  void history_written(const dcs::KeyValue& kv);
  void leader_deleted(const dcs::KeyValue& kv);
  using Writes = std::map<int, std::vector<Lsn>>;  // by branch
  std::uint64_t lost_by(const SimServer& server, const Writes& writes) const;

  Cluster& c_;
  std::vector<std::string> violations_;
  Statistics statistics_;
  Writes acknowledged_;
  Writes promised_;         // those acknowledged commits that must never be lost
  core::ClusterView keys_;  // holds the keys sync and failsafe, and the last failover that was not {}
  std::optional<core::SyncState> sync_at_race_;
  bool synchronous_ = false, quorum_ = false, failsafe_ = false;  // as the key config says
  int tip_ = -1;                                                  // the branch of the last primary
  bool standby_cluster_ = false;                                  // as the key config says
  bool may_be_promoted_ = true;  // a standby cluster: once its key config had no such section
  Lsn optime_ = 0;               // the last position that was published
  std::vector<core::HistoryLine> history_;
  bool handed_over_ = false;  // the key was given away after a clean stop, and no member has been promoted since
  Time handed_over_at_{}, network_changed_at_{}, leader_since_{};
  std::uint64_t network_seen_ = 0;
  std::optional<Time> failover_key_at_;
  // The highest values that the key config had.
  Duration ttl_max_ = std::chrono::seconds(30), retry_timeout_max_ = std::chrono::seconds(10);
  std::optional<Time> paused_at_;  // when the key config said "pause"
  bool overlapping_ = false, quiet_ = false;
  std::map<int, Time> overlap_since_;
};

}  // namespace tamada::sim
