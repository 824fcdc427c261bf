// Makes the notifications for the operator: events of the journal that concern the health of the cluster, and problems
// when they begin and when they end. Each member reports about itself, and only the leader reports about other members.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "api/journal.h"

namespace tamada::api {

struct Notice {
  core::Instant at{};
  std::string event;  // role, handover, member, lease or problem: see docs/operations.md
  std::string json;   // one object, without line breaks
};

class Notices {
 public:
  // `run` identifies this run of the daemon. It is a part of each notice's id, because the numbers in the ids begin at
  // 1 again when the daemon is restarted.
  explicit Notices(std::string run) : run_(std::move(run)) {}

  // Must be called with every publication, after the journal's look(), and returns the new notices. A problem that
  // begins and ends again and again is reported at most once in `repeat_after`, with its state at that time.
  std::vector<Notice> look(const Snapshot& snapshot, const Journal& journal, core::Duration repeat_after);

 private:
  // A condition that is reported when it begins and when it ends: a problem, or a missing member.
  struct Matter {
    std::string event, kind, text;
    std::string member;       // the name of the member that has the problem or is missing
    bool stands = false;      // whether the condition holds now
    bool told = false;        // whether it held according to the last notice about it
    core::Instant told_at{};  // when that notice was made; zero when there was none yet
  };

  void look_at_event(const Snapshot& snapshot, const Event& event);
  void look_at_problems(const Snapshot& snapshot);
  void look_at_missing(const Snapshot& snapshot);
  static std::string text_of(const Matter& matter, const Snapshot& snapshot);
  void tell_matters(const Snapshot& snapshot, core::Duration repeat_after);
  void add(const Snapshot& snapshot, core::WallTime time, const std::string& event, std::string_view severity,
           std::string text, const nlohmann::ordered_json& fields);

  std::string run_;
  std::uint64_t last_event_ = 0, last_notice_ = 0;
  bool loaded_ = false;  // at the last publication the cluster's keys had been read
  std::map<std::string, Matter> matters_;
  std::set<std::string> missing_;  // members whose keys have disappeared since this node became the leader
  std::vector<Notice> news_;
};

}  // namespace tamada::api
