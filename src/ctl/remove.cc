#include <fmt/format.h>

#include "ctl/commands.h"
#include "ctl/dry_run.h"
#include "ctl/member_rows.h"
#include "ctl/prompt.h"
#include "ctl/terminal.h"

namespace tamada::ctl {
namespace {

// The operator has to type `expected`.
Done must_type(const std::string& question, const std::string& expected, const std::string& error) {
  const auto answer = prompt(question, std::nullopt);
  if (!answer) return stopped();
  if (*answer != expected) return core::fail(error);
  return {};
}

}  // namespace

Done remove(Session& session, const RemoveOptions& options) {
  const auto cluster = session.find(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  const auto& name = cluster->name;
  echo(format_members(cluster->view, name, false, options.format));
  if (options.dry_run) return foretell_remove(session, *cluster);
  const std::string aware = "Yes I am aware";
  auto sure = must_type("Please confirm the cluster name to remove", name, "Cluster names specified do not match");
  if (!sure) return sure;
  sure =
      must_type(fmt::format("You are about to remove all information in DCS for {}, please type: \"{}\"", name, aware),
                aware, "You did not exactly type \"" + aware + "\"");
  if (!sure) return sure;
  if (!cluster->view.unlocked()) {
    sure = must_type("This cluster currently is healthy. Please specify the leader name to continue",
                     cluster->view.leader->name, "You did not specify the current leader of the cluster");
    if (!sure) return sure;
  }
  return session.remove(name);
}

}  // namespace tamada::ctl
