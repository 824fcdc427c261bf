#include "ctl/commands.h"
#include "ctl/terminal.h"

namespace tamada::ctl {

Done history(Session& session, const ReportOptions& options) {
  const auto cluster = session.find(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  Table table{.title = "", .columns = {"TL", "LSN", "Reason", "Timestamp", "New Leader"}, .rows = {}};
  table.right = {"TL", "LSN"};
  for (const auto& line : cluster->view.history.value_or(std::vector<core::HistoryLine>{})) {
    table.rows.push_back({line.timeline, line.lsn, line.reason, line.timestamp, line.new_leader});
  }
  echo(format_table(table, options.format));
  return {};
}

}  // namespace tamada::ctl
