// What the daemon tells somebody who does not look: the journal's events that are about the cluster's health, and the
// standing problems when they begin and when they end. The leader alone tells about others, each member about itself.
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
  std::string event;  // role, handover, member, lease, problem: see docs/operations.md
  std::string json;   // one object, without line breaks
};

class Notices {
 public:
  // `run` tells this run of the daemon from others, since the numbers in the notices' names begin again with it.
  explicit Notices(std::string run) : run_(std::move(run)) {}

  // Gets every publication, after the journal has. A matter that begins and ends again and again is told at most once
  // in `repeat_after`, as it stands then.
  std::vector<Notice> look(const Snapshot& snapshot, const Journal& journal, core::Duration repeat_after);

 private:
  struct Matter {
    std::string event, kind, text;
    std::string member;  // whom it is about
    bool stands = false;
    bool told = false;        // what was told last
    core::Instant told_at{};  // zero: nothing was told yet
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
  bool loaded_ = false;  // the cluster was known before this publication
  std::map<std::string, Matter> matters_;
  std::set<std::string> missing_;  // members that went while this one led
  std::vector<Notice> news_;
};

}  // namespace tamada::api
