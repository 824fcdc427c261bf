#include <fmt/format.h>

#include <chrono>
#include <map>
#include <thread>

#include "ctl/commands.h"
#include "ctl/terminal.h"
#include "wire/cluster_json.h"
#include "wire/json.h"

namespace tamada::ctl {
namespace {

using namespace std::chrono_literals;

Done wait_until_applied(Session& session, const std::string& cluster, const core::ClusterView& before, bool paused) {
  echo(fmt::format("'{}' request sent, waiting until it is recognized by all nodes\n", paused ? "pause" : "resume"));
  std::map<std::string, core::Revision> old;
  for (const auto& member : members_leader_first(before)) old[member.name] = member.revision;
  const auto limit_s = loop_wait_s(before);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(limit_s + 1);
  for (;;) {
    const auto view = session.cluster(cluster);
    if (!view) return std::unexpected(view.error());
    std::string missing;
    // The members' keys alone are not enough, because a member that has just started may not have published its state.
    bool all = wire::cluster_modes(*view).paused == paused;
    for (const auto& [name, member] : view->members) {
      if (!old.contains(name) || member.pause == paused) continue;
      all = false;
      // As in Patroni, a member that has not written its key since is not named, because it may be gone.
      if (old[name] != member.revision) missing += (missing.empty() ? "" : ", ") + name;
    }
    const bool late = std::chrono::steady_clock::now() >= end;
    if (late && !missing.empty()) {
      echo(fmt::format("{} members didn't recognized pause state after {} seconds\n", missing, limit_s));
      return failure_told();
    }
    if (all || (late && wire::cluster_modes(*view).paused == paused)) break;
    if (late) return fail("The configuration does not show the change", "see show-config, and try again");
    std::this_thread::sleep_for(250ms);
  }
  echo(fmt::format("Success: cluster management is {}\n", paused ? "paused" : "resumed"));
  return {};
}

Done set_pause(Session& session, const PauseOptions& options, bool paused) {
  const auto cluster = session.find(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  if (wire::cluster_modes(cluster->view).paused == paused) {
    return core::fail(fmt::format("Cluster is {} paused", paused ? "already" : "not"));
  }
  const Json body = {{"pause", paused ? Json(true) : Json(nullptr)}};
  for (const auto& member : members_leader_first(cluster->view)) {
    const auto answer = session.request(member, "PATCH", "config", &body);
    if (!answer) {
      warn(answer.error().what);
      warn("Member " + member.name + " is not accessible");
      continue;
    }
    if (answer->status != 200) {
      echo(fmt::format("Failed: {} cluster management status code={}, ({})\n", paused ? "pause" : "resume",
                       answer->status, answer->body));
      return failure_told();
    }
    if (options.wait) {
      return wait_until_applied(session, cluster->name, cluster->view, paused);
    }
    echo(fmt::format("Success: cluster management is {}\n", paused ? "paused" : "resumed"));
    return {};
  }
  return fail("Can not find accessible cluster member",
              "is a daemon running, and may this host reach its REST API (list -f json shows the members)?");
}

}  // namespace

Done pause(Session& session, const PauseOptions& options) { return set_pause(session, options, true); }
Done resume(Session& session, const PauseOptions& options) { return set_pause(session, options, false); }

}  // namespace tamada::ctl
