#include <fmt/format.h>

#include "ctl/commands.h"
#include "ctl/member_choice.h"
#include "ctl/terminal.h"
#include "wire/keys.h"

namespace tamada::ctl {
namespace {

Done flush_restarts(Session& session, const Cluster& cluster, const FlushOptions& options) {
  const auto members =
      choose_members(session, cluster, options, {.action = "flush", .role_shown = "'" + options.role + "'"});
  if (!members) return std::unexpected(members.error());
  if (!options.force) {
    if (auto sure = confirm_members(*members, "flush"); !sure) return sure;
  }
  Tally tally;
  for (const auto& member : *members) {
    if (member.scheduled_restart_json.empty()) {
      echo("No scheduled restart for member " + member.name + "\n");
      continue;
    }
    const auto answer = session.request(member, "DELETE", "restart");
    if (answer) {
      tally.add(check_response(*answer, member.name, "flush scheduled restart"));
    } else {
      report_unreachable("flush scheduled restart", member, answer.error());
      ++tally.silent;
    }
  }
  return outcome(tally);
}

Done flush_switchover(Session& session, const Cluster& cluster) {
  if (!cluster.view.failover || !cluster.view.failover->scheduled_at) {
    echo("No pending scheduled switchover\n");
    return {};
  }
  for (const auto& member : members_leader_first(cluster.view)) {
    const auto answer = session.request(member, "DELETE", "switchover");
    if (!answer) {
      warn(answer.error().what);
      warn("Member " + member.name + " is not accessible");
    } else if (answer->status == 200 || answer->status == 404) {
      echo(fmt::format("{}: {}\n", answer->status == 200 ? "Success" : "Failed", answer->body));
      return answer->status == 200 ? Done() : failure_told();
    } else {
      echo(fmt::format("Failed: member={}, status_code={}, ({})\n", member.name, answer->status, answer->body));
    }
  }
  warn("Failing over to DCS");
  echo(timestamp(5) + " Could not find any accessible member of cluster " + cluster.name + "\n");
  const auto written = session.write(cluster.name, "failover", wire::failover_json({}), cluster.view.failover_revision);
  if (!written) return std::unexpected(written.error());
  if (!*written) return fail("The request was changed meanwhile", "look at it with list, and flush again");
  return {};
}

}  // namespace

Done flush(Session& session, const FlushOptions& options) {
  const auto cluster = session.find(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  return options.target == "restart" ? flush_restarts(session, *cluster, options) : flush_switchover(session, *cluster);
}

}  // namespace tamada::ctl
