#include <fmt/format.h>

#include "ctl/commands.h"
#include "ctl/member_choice.h"
#include "ctl/terminal.h"

namespace tamada::ctl {

Done dsn(Session& session, const DsnOptions& options) {
  const auto cluster = session.find(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  const auto member = any_member(cluster->view, options);
  if (!member) return std::unexpected(member.error());
  if (!*member) return fail("Can not find a suitable member", "list shows the members and their roles");
  echo(fmt::format("host={} port={}\n", (*member)->host, (*member)->port.empty() ? "5432" : (*member)->port));
  return {};
}

}  // namespace tamada::ctl
