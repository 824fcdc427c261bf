// What every member says of itself, asked of all at once: the matter of explain, top, events and doctor.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/cluster_view.h"
#include "ctl/output.h"
#include "ctl/session.h"

namespace tamada::ctl {

// Of one member; an answer that did not come, or is no JSON object, is absent. The other daemons in a mixed cluster
// know /patroni only.
struct MemberFacts {
  core::Member member;
  std::optional<Json> patroni, explain;
  std::string error;              // it did not answer at all
  std::optional<double> clock_s;  // how far its clock is ahead of ours
  double clock_error_s = 0;       // that may be wrong by so much either way
};

// In the order of the names.
std::vector<MemberFacts> ask_members(Session& session, const core::ClusterView& view,
                                     core::Duration timeout = std::chrono::seconds(2));

// One line of the journals.
struct MemberEvent {
  std::string time, member, type, text;
  Json whole;  // as the member told it, with its name first
};

// For people: what one member tells of one moment (its decision, its job, its server) is one line.
std::vector<MemberEvent> condensed(const std::vector<MemberEvent>& events);

// The journals of all members, merged by time. Each call tells what is new since the one before.
class Journals {
 public:
  explicit Journals(Session& session, core::Duration patience = std::chrono::seconds(2))
      : session_(session), patience_(patience) {}
  // Members are given `wait_s` to have something new; 0: what there is.
  std::vector<MemberEvent> news(const core::ClusterView& view, int wait_s);
  // Of the last call: members that keep no journal, or did not answer.
  const std::vector<std::string>& silent() const { return silent_; }

 private:
  Session& session_;
  core::Duration patience_;  // beyond the wait
  std::map<std::string, std::int64_t> last_;
  std::vector<std::string> silent_;
};

std::string clock_time(const std::string& iso, int digits);  // "02:10:00.123", local time; as it is where it is no time
std::string local_time(const std::string& iso, int digits);  // the same with its date: "2026-11-28 02:10:00.123"
std::string format_age(double seconds);                      // "12 s", "3 min", "2 h", "5 days"

}  // namespace tamada::ctl
