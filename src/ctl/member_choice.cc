#include "ctl/member_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "ctl/member_rows.h"
#include "ctl/prompt.h"
#include "ctl/terminal.h"

namespace tamada::ctl {
namespace {

bool leads(const core::ClusterView& view, const std::string& role) {
  if (view.unlocked()) return false;
  const auto* leader = view.leader_member();
  const auto is = leader ? leader->role : std::string();
  if (role == "leader") return true;
  return role == "standby-leader" ? is != "primary" && is != "master" : is != "standby_leader";
}

bool contains(const std::vector<core::Member>& members, const std::string& name) {
  return std::ranges::find(members, name, &core::Member::name) != members.end();
}

}  // namespace

std::vector<core::Member> members_of_role(const core::ClusterView& view, const std::string& role) {
  std::vector<core::Member> members;
  if (role == "leader" || role == "primary" || role == "standby-leader") {
    const auto* leader = view.leader_member();
    if (leader && leads(view, role)) members.push_back(*leader);
    return members;
  }
  for (const auto& [name, member] : view.members) {
    if (role == "any" || !view.leader || view.leader->name != name) members.push_back(member);
  }
  return members;
}

core::Result<std::optional<core::Member>> any_member(const core::ClusterView& view, const DsnOptions& wish) {
  if (wish.member && wish.role) return core::fail("--role and --member are mutually exclusive options");
  for (auto& member : members_of_role(view, wish.member ? "any" : wish.role.value_or("leader"))) {
    if (!wish.member || *wish.member == member.name) return std::move(member);
  }
  return std::nullopt;
}

core::Result<std::vector<core::Member>> choose_members(Session& session, const Cluster& cluster,
                                                       const MembersOptions& options, const MemberChoice& choice) {
  const auto candidates = members_of_role(cluster.view, options.role);
  if (options.members.empty() && candidates.empty()) return session.no_members(cluster.name);
  echo(format_members(cluster.view, cluster.name, false, Format::pretty));
  auto names = options.members;
  if (!names.empty()) {
    std::erase_if(names, [&](const auto& name) { return !contains(candidates, name); });
    if (names.empty()) {
      return fail("No " + choice.role_shown + " among provided members",
                  "see the column Role above; of that role: " + join_names(candidates));
    }
  } else if (choice.action != "reinitialize") {
    return candidates;
  } else if (!options.force) {
    const auto name =
        prompt(fmt::format("Which member do you want to {} [{}]?", choice.action, join_names(candidates)), "");
    if (!name) return stopped();
    if (!contains(candidates, *name)) return core::fail(*name + " is not a member of cluster");
    names.push_back(*name);
  }
  auto members = candidates;
  std::erase_if(members, [&](const auto& member) { return std::ranges::find(names, member.name) == names.end(); });
  return members;
}

std::string join_names(const std::vector<core::Member>& members) {
  std::string all;
  for (const auto& member : members) all += (all.empty() ? "" : ", ") + member.name;
  return all;
}

Done confirm_members(const std::vector<core::Member>& members, const std::string& action) {
  const auto sure = confirm(fmt::format("Are you sure you want to {} members {}?", action, join_names(members)));
  if (!sure) return stopped();
  if (!*sure) return core::fail("Aborted " + action);
  return {};
}

void report_unreachable(const std::string& action, const core::Member& member, const core::Error& error) {
  echo(fmt::format("Failed: {} for member {}, it cannot be reached: {}\n", action, member.name, error.what));
}

Done outcome(const Tally& tally) {
  const int count = tally.silent;
  if (count == 0) return tally.failed == 0 ? Done() : failure_told();
  return fail(fmt::format("{} member{} could not be reached", count, count == 1 ? "" : "s"),
              "is the daemon running there? Its address is api_url in the member's key (list -f json)");
}

bool check_response(const net::HttpResponse& response, const std::string& member, const std::string& action,
                    bool silent) {
  if (response.status >= 400) {
    echo(fmt::format("Failed: {} for member {}, status code={}, ({})\n", action, member, response.status,
                     response.body));
    return false;
  }
  if (!silent) echo(fmt::format("Success: {} for member {}\n", action, member));
  return true;
}

}  // namespace tamada::ctl
