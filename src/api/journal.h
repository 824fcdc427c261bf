// What happened on this node, and in the cluster as this node saw it: decisions, roles, leaders, jobs, and the phases
// of a change of the leader. It is derived from publications alone, limited in size, and lost when the daemon ends.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/board.h"
#include "api/handover.h"

namespace tamada::api {

struct Event {
  std::uint64_t id = 0;  // grows by one
  core::WallTime at{};
  std::string type;  // see docs/rest.md
  std::string text;  // one sentence
  std::string json;  // the whole event, as REST shows it
};

class Journal {
 public:
  void look(const Snapshot& snapshot);

  std::vector<Event> since(std::uint64_t id) const;            // the events after `id`, oldest first
  void append_since(std::uint64_t id, std::string& to) const;  // appends their JSON, with ", " between them
  std::uint64_t last_id() const { return last_id_; }
  // The change of the leader that is under way, or the last one.
  const std::optional<Handover>& handover() const { return handover_; }

  // The time since which the last rule has decided without a break.
  core::WallTime rule_since() const { return rule_since_; }
  const std::map<std::string, std::uint64_t, std::less<>>& decisions_by_rule() const { return decisions_; }
  const std::optional<Handover>& last_done() const { return last_done_; }
  // Counts by kind and outcome, such as {"switchover", "done"}.
  const std::map<std::pair<std::string, std::string>, std::uint64_t>& handovers_by_outcome() const {
    return handovers_by_outcome_;
  }

 private:
  static constexpr std::size_t events_max = 2000;

  void add(core::WallTime at, std::string type, std::string text, const nlohmann::ordered_json& fields);
  void look_at_decision(const Snapshot& snapshot);
  void look_at_node(const Snapshot& snapshot);
  void look_at_cluster(const Snapshot& snapshot);
  void look_at_job(const Snapshot& snapshot);
  void look_at_handover(const Snapshot& snapshot);

  std::deque<Event> events_;
  std::uint64_t last_id_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> decisions_;
  std::string rule_, reason_shape_;
  core::WallTime rule_since_{};
  std::string role_, state_, leader_;
  core::Timeline timeline_ = 0;
  bool pause_ = false;
  std::map<std::string, bool> members_;
  core::JobView job_;
  std::optional<Handover> handover_, last_done_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> handovers_by_outcome_;
  HandoverWatch handovers_;
};

}  // namespace tamada::api
