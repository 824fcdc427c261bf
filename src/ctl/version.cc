#include <fmt/format.h>

#include <algorithm>

#include "core/presentation.h"
#include "ctl/commands.h"
#include "ctl/terminal.h"
#include "diagnosis/words.h"
#include "wire/json.h"

namespace tamada::ctl {
namespace {

// A line such as "n0: Patroni 4.1.4 PostgreSQL 15.20".
core::Result<std::string> describe(Session& session, const core::Member& member) {
  const auto answer = session.request(member, "GET", "patroni");
  if (!answer) return core::fail(fmt::format("{}: failed to get version: {}\n", member.name, answer.error().what));
  const auto status = wire::parse_object(answer->body);
  if (!status) return core::fail(fmt::format("{}: failed to get version: the answer is no JSON\n", member.name));
  const Json* daemon = wire::find(*status, "patroni");
  const auto server = wire::integer_at(*status, "server_version").value_or(0);
  return fmt::format("{}: Patroni {}{}\n", member.name, daemon ? wire::text_at(*daemon, "version") : "None",
                     server > 0 ? " PostgreSQL " + diagnosis::format_pg_version(server) : "");
}

}  // namespace

Done version(Session& session, const VersionOptions& options) {
  const auto& members = options.members;
  echo(fmt::format("patronictl version {}\n", core::compatible_version));
  if (options.cluster.empty()) return {};
  echo("\n");
  const auto cluster = session.find(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  bool all = true;
  for (const auto& [name, member] : cluster->view.members) {
    if (member.api_url.empty() || (!members.empty() && std::ranges::find(members, name) == members.end())) continue;
    const auto line = describe(session, member);
    all &= line.has_value();
    echo(line ? *line : line.error().what);
  }
  return all ? Done() : failure_told();
}

}  // namespace tamada::ctl
