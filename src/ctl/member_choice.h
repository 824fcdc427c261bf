// Chooses the members that a command acts on: by role, by name, or by a question. Rules and texts are Patroni's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/cluster_view.h"
#include "ctl/commands.h"

namespace tamada::ctl {

// The members of a role as --role names it: leader, primary, standby-leader, replica, standby, any; in the order of
// their names.
std::vector<core::Member> members_of_role(const core::ClusterView& view, const std::string& role);

// One member; without a role or a name it is the leader. nullopt when there is none.
core::Result<std::optional<core::Member>> any_member(const core::ClusterView& view, const DsnOptions& wish);

struct MemberChoice {
  std::string action;      // restart, reload, reinitialize, flush
  std::string role_shown;  // as Patroni's errors show it: 'any' in quotes, or replica without
};
// Prints the cluster, and asks for a name if the action is for one member only (reinitialize).
core::Result<std::vector<core::Member>> choose_members(Session& session, const Cluster& cluster,
                                                       const MembersOptions& options, const MemberChoice& choice);

// Asks a question such as "Are you sure you want to restart members n1, n2?".
Done confirm_members(const std::vector<core::Member>& members, const std::string& action);
std::string join_names(const std::vector<core::Member>& members);

// Prints that a member does not answer.
void report_unreachable(const std::string& action, const core::Member& member, const core::Error& error);
// The results of a request to several members.
struct Tally {
  int silent = 0, failed = 0;
  void add(bool succeeded) { failed += succeeded ? 0 : 1; }
};
// Called after the loop over the members: an error when some of them did not answer, or failed.
Done outcome(const Tally& tally);

// Prints "Success: ..." (unless silent) or "Failed: ...", and returns whether it was a success.
bool check_response(const net::HttpResponse& response, const std::string& member, const std::string& action,
                    bool silent = false);

}  // namespace tamada::ctl
