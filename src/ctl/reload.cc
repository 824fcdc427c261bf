#include <fmt/format.h>

#include "ctl/commands.h"
#include "ctl/member_choice.h"
#include "ctl/terminal.h"
#include "wire/cluster_json.h"

namespace tamada::ctl {

Done reload(Session& session, const MembersOptions& options) {
  const auto cluster = session.find(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  const auto members =
      choose_members(session, *cluster, options, {.action = "reload", .role_shown = "'" + options.role + "'"});
  if (!members) return std::unexpected(members.error());
  if (!options.force) {
    if (auto sure = confirm_members(*members, "reload"); !sure) return sure;
  }
  Tally tally;
  for (const auto& member : *members) {
    const auto answer = session.request(member, "POST", "reload");
    if (!answer) {
      report_unreachable("reload", member, answer.error());
      ++tally.silent;
    } else if (answer->status == 200) {
      echo("No changes to apply on member " + member.name + "\n");
    } else if (answer->status == 202) {
      echo(fmt::format("Reload request received for member {} and will be processed within {} seconds\n", member.name,
                       loop_wait_s(cluster->view)));
    } else {
      tally.add(check_response(*answer, member.name, "reload"));
    }
  }
  return outcome(tally);
}

}  // namespace tamada::ctl
