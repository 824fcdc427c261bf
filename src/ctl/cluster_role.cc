#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "ctl/commands.h"
#include "ctl/member_rows.h"
#include "ctl/prompt.h"
#include "ctl/terminal.h"

namespace tamada::ctl {
namespace {

using namespace std::chrono_literals;

struct Change {
  std::string verb;         // "demot", "promot": Patroni's texts add "ing", "ed" ...
  std::string target_role;  // the leader's role after the change
  Json standby_cluster;     // null when the cluster becomes no standby cluster
  bool demote() const { return !standby_cluster.is_null(); }
};

std::string or_none(const std::string& text) { return text.empty() ? "None" : text; }

// Prints the progress, and returns whether the change is complete.
bool look(const core::ClusterView& view, const std::string& old_leader, const Change& change) {
  const auto* leader = view.leader_member();
  const auto* old = view.member(old_leader);
  const bool arrived = !view.unlocked() && leader && leader->role == change.target_role && leader->state == "running";
  if (arrived && (!change.demote() || (old && old->state == "running"))) {
    echo(fmt::format("{} cluster is successfully {}ed\n", timestamp(0), change.verb));
    return true;
  }
  auto text = fmt::format("{} cluster is unlocked: {}, leader role: {}, leader state: {}", timestamp(0),
                          view.unlocked() ? "True" : "False", leader ? or_none(leader->role) : "None",
                          leader ? or_none(leader->state) : "None");
  if (change.demote() && !view.unlocked() && view.leader->name != old_leader && old && !old->state.empty()) {
    text += ", previous leader state: '" + old->state + "'";
  }
  echo(text + "\n");
  return false;
}

Done request(Session& session, const Cluster& cluster, const Change& change) {
  const auto what = fmt::format("Failed to {}e {} cluster: ", change.verb, cluster.name);
  const auto* leader = cluster.view.leader_member();
  if (!leader) return fail(what + "the leader has no member key", "wait until list shows the leader");
  const Json body = {{"standby_cluster", change.standby_cluster}};
  const auto answer = session.request(*leader, "PATCH", "config", &body);
  if (!answer) return fail(what + answer.error().what, "is the daemon of " + leader->name + " running?");
  if (answer->status == 200) return {};
  return core::fail(fmt::format("{}/config PATCH status code={}, ({})", what, answer->status, answer->body));
}

Done change_role(Session& session, const std::string& given, bool force, const Change& change) {
  const auto cluster = session.find(given);
  if (!cluster) return std::unexpected(cluster.error());
  const auto& [name, view] = *cluster;
  if (view.unlocked()) return core::fail(fmt::format("Cluster has no leader, {}ion is not possible", change.verb));
  const auto old_leader = view.leader->name;
  if (const auto* leader = view.leader_member(); leader && leader->role == change.target_role) {
    return core::fail("Cluster is already in the required state");
  }
  echo("Current cluster topology\n" + format_members(view, name, false, Format::pretty));
  if (!force) {
    const auto sure = confirm(fmt::format("Are you sure you want to {}e {} cluster?", change.verb, name));
    if (!sure) return stopped();
    if (!*sure) return core::fail(fmt::format("Aborted cluster {}ion", change.verb));
  }
  if (auto asked = request(session, *cluster, change); !asked) return asked;
  for (;;) {
    const auto now = session.cluster(name);
    if (!now) return std::unexpected(now.error());
    if (look(*now, old_leader, change)) {
      echo(format_members(*now, name, false, Format::pretty));
      return {};
    }
    std::this_thread::sleep_for(1s);
  }
}

}  // namespace

Done demote_cluster(Session& session, const DemoteClusterOptions& options) {
  const auto given = [](const auto& value) { return value && *value != std::decay_t<decltype(*value)>(); };
  if (!given(options.host) && !given(options.port) && !given(options.restore_command)) {
    return core::fail("At least --host, --port or --restore-command should be specified");
  }
  Json standby = Json::object();
  if (given(options.host)) standby["host"] = *options.host;
  if (given(options.port)) standby["port"] = *options.port;
  if (given(options.primary_slot_name)) standby["primary_slot_name"] = *options.primary_slot_name;
  if (given(options.restore_command)) standby["restore_command"] = *options.restore_command;
  return change_role(session, options.cluster, options.force,
                     {.verb = "demot", .target_role = "standby_leader", .standby_cluster = std::move(standby)});
}

Done promote_cluster(Session& session, const PromoteClusterOptions& options) {
  return change_role(session, options.cluster, options.force,
                     {.verb = "promot", .target_role = "primary", .standby_cluster = nullptr});
}

}  // namespace tamada::ctl
