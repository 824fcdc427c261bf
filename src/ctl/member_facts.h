// Asks all members at once about themselves, for the commands explain, top, events and doctor.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/cluster_view.h"
#include "ctl/output.h"
#include "ctl/session.h"
#include "diagnosis/facts.h"
#include "diagnosis/words.h"

namespace tamada::ctl {

using diagnosis::format_age;
using diagnosis::format_bytes;
using diagnosis::format_pg_version;
using diagnosis::MemberFacts;

// One entry for each member, in the order of their names.
std::vector<MemberFacts> ask_members(Session& session, const core::ClusterView& view,
                                     core::Duration timeout = std::chrono::seconds(2));

// One line of the journals.
struct MemberEvent {
  std::string time, member, type, text;
  Json whole;  // the member's event, with its name first
};

// For people: joins the events of one member in one millisecond, the unit that is shown (of its decision, job and
// server), into one line.
std::vector<MemberEvent> condensed(const std::vector<MemberEvent>& events);

// The journals of all members, merged by time. Each call returns the events since the last call.
class Journals {
 public:
  explicit Journals(Session& session, core::Duration patience = std::chrono::seconds(2))
      : session_(session), patience_(patience) {}
  // Members wait up to `wait_s` seconds for a new event; with 0 they answer at once.
  std::vector<MemberEvent> news(const core::ClusterView& view, int wait_s);
  // The members that kept no journal or did not answer in the last call.
  const std::vector<std::string>& silent() const { return silent_; }

 private:
  Session& session_;
  core::Duration patience_;  // the time for an answer besides the wait
  std::map<std::string, std::int64_t> last_;
  std::vector<std::string> silent_;
};

std::string clock_time(const std::string& iso, int digits);  // "02:10:00.123", local time; unchanged when `iso` is not
                                                             // a time
std::string local_time(const std::string& iso, int digits);  // the same with its date: "2026-11-28 02:10:00.123"

}  // namespace tamada::ctl
