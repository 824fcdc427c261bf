#include <chrono>

#include "ctl/commands.h"
#include "ctl/member_facts.h"
#include "ctl/terminal.h"
#include "wire/keys.h"

namespace tamada::ctl {
namespace {

std::string age_of(const std::string& iso) {
  const auto at = wire::parse_iso(iso);
  if (!at) return "";
  return format_age(std::chrono::duration<double>(std::chrono::system_clock::now() - at->time).count());
}

}  // namespace

Done history(Session& session, const ReportOptions& options) {
  const auto cluster = session.find(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  // On a terminal the times are local, and say how long ago they were.
  const bool people = options.format == Format::pretty && is_terminal();
  Table table{.title = "", .columns = {"TL", "LSN", "Reason", "Timestamp", "New Leader"}, .rows = {}};
  if (people) {
    table.columns = {"TL", "LSN", "Reason", "Timestamp", "Ago", "New Leader"};
    table.narrower = {{1}, {1, 2}};
  }
  table.right = {"TL", "LSN", "Ago"};
  for (const auto& line : cluster->view.history.value_or(std::vector<core::HistoryLine>{})) {
    const auto& at = line.timestamp;
    if (people) {
      table.rows.push_back({line.timeline, line.lsn, line.reason, local_time(at, 0), age_of(at), line.new_leader});
    } else {
      table.rows.push_back({line.timeline, line.lsn, line.reason, at, line.new_leader});
    }
  }
  echo(format_table(table, options.format));
  return {};
}

}  // namespace tamada::ctl
