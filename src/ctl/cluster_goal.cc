#include "ctl/cluster_goal.h"

#include <fmt/format.h>

#include "wire/cluster_json.h"

namespace tamada::ctl {
namespace {

std::string why_no_leader(const core::ClusterView& view, const std::string& wanted) {
  if (view.unlocked()) return "nobody leads";
  const auto& name = view.leader->name;
  if (!wanted.empty() && name != wanted) return name + " leads";
  const auto* leader = view.leader_member();
  if (leader == nullptr) return name + " leads, and has no member key";
  if (!leader->running()) return name + " leads, and is " + leader->state;
  if (!leader->is_primary_role() && leader->role != "standby_leader") return name + " is not promoted yet";
  return "";
}

std::string why_not_all_stream(const core::ClusterView& view) {
  for (const auto& [name, member] : view.members) {
    if (!view.unlocked() && name == view.leader->name) continue;
    if (auto why = why_not_streaming(view, member); !why.empty()) return why;
  }
  return "";
}

std::string who_waits_for_a_restart(const core::ClusterView& view) {
  for (const auto& [name, member] : view.members) {
    if (member.pending_restart) return name + " waits for a restart";
  }
  return "";
}

}  // namespace

core::Result<Goal> parse_goal(const std::string& text) {
  const std::string leader = "leader=";
  if (text == "healthy") return Goal{.kind = Goal::Kind::healthy, .text = text};
  if (text == "streaming") return Goal{.kind = Goal::Kind::streaming, .text = text};
  if (text == "no-pending-restart") return Goal{.kind = Goal::Kind::no_pending_restart, .text = text};
  if (text.starts_with(leader) && text.size() > leader.size()) {
    return Goal{.kind = Goal::Kind::leader, .text = text, .leader = text.substr(leader.size())};
  }
  return core::fail("Nothing to wait for is called '" + text +
                    "'\nHint: healthy, leader=NAME, streaming or no-pending-restart");
}

std::string why_not_streaming(const core::ClusterView& view, const core::Member& member) {
  const auto& state = member.replication_state.empty() ? member.state : member.replication_state;
  if (state == "streaming") return "";
  const bool archive = member.tags.nostream || wire::cluster_modes(view).standby_cluster;
  if (state == "in archive recovery" && archive) return "";
  return member.name + " is " + (state.empty() ? "away" : state) + ", not streaming";
}

std::string missing(const core::ClusterView& view, const Goal& goal) {
  if (view.members.empty()) return "the cluster has no members";
  switch (goal.kind) {
    case Goal::Kind::leader:
      return why_no_leader(view, goal.leader);
    case Goal::Kind::streaming:
      return why_not_all_stream(view);
    case Goal::Kind::no_pending_restart:
      return who_waits_for_a_restart(view);
    default:
      if (auto why = why_no_leader(view, ""); !why.empty()) return why;
      return why_not_all_stream(view);
  }
}

}  // namespace tamada::ctl
