#include <fmt/format.h>

#include <chrono>
#include <map>
#include <thread>

#include "ctl/commands.h"
#include "wire/cluster_json.h"
#include "wire/json.h"

namespace tamada::ctl {
namespace {

using namespace std::chrono_literals;

std::int64_t loop_wait_s(const core::ClusterView& view) {
  const auto config = wire::parse_object(view.config_json.value_or(""));
  const auto given = config ? wire::integer_at(*config, "loop_wait") : std::nullopt;
  return given && *given > 0 ? *given : 10;
}

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
    bool all = true;
    for (const auto& [name, member] : view->members) {
      if (!old.contains(name) || member.pause == paused) continue;
      all = false;
      // One that has not written since may be gone: Patroni does not name it.
      if (old[name] != member.revision) missing += (missing.empty() ? "" : ", ") + name;
    }
    const bool late = std::chrono::steady_clock::now() >= end;
    if (late && !missing.empty()) {
      echo(fmt::format("{} members didn't recognized pause state after {} seconds\n", missing, limit_s));
      return {};
    }
    if (all || late) break;
    std::this_thread::sleep_for(250ms);
  }
  echo(fmt::format("Success: cluster management is {}\n", paused ? "paused" : "resumed"));
  return {};
}

}  // namespace

Done set_pause(Session& session, const PauseOptions& options) {
  const bool paused = options.paused;
  const auto name = session.cluster_name(options.cluster);
  if (!name) return std::unexpected(name.error());
  const auto view = session.cluster(*name);
  if (!view) return std::unexpected(view.error());
  if (wire::cluster_modes(*view).paused == paused) {
    return core::fail(fmt::format("Cluster is {} paused", paused ? "already" : "not"));
  }
  const Json body = {{"pause", paused ? Json(true) : Json(nullptr)}};
  for (const auto& member : members_leader_first(*view)) {
    const auto answer = session.request(member, "PATCH", "config", &body);
    if (!answer) {
      fmt::print(stderr, "WARNING - {}\nWARNING - Member {} is not accessible\n", answer.error().what, member.name);
      continue;
    }
    if (answer->status != 200) {
      echo(fmt::format("Failed: {} cluster management status code={}, ({})\n", paused ? "pause" : "resume",
                       answer->status, answer->body));
    } else if (options.wait) {
      return wait_until_applied(session, *name, *view, paused);
    } else {
      echo(fmt::format("Success: cluster management is {}\n", paused ? "paused" : "resumed"));
    }
    return {};
  }
  return core::fail("Can not find accessible cluster member");
}

}  // namespace tamada::ctl
