#include "ctl/commands.h"

namespace tamada::ctl {

Done history(Session& session, const std::string& cluster, Format format) {
  const auto name = session.cluster_name(cluster);
  if (!name) return std::unexpected(name.error());
  const auto view = session.cluster(*name);
  if (!view) return std::unexpected(view.error());
  Table table{.title = "", .columns = {"TL", "LSN", "Reason", "Timestamp", "New Leader"}, .rows = {}};
  table.right = {"TL", "LSN"};
  for (const auto& line : view->history.value_or(std::vector<core::HistoryLine>{})) {
    table.rows.push_back({line.timeline, line.lsn, line.reason, line.timestamp, line.new_leader});
  }
  echo(format_table(table, format));
  return {};
}

}  // namespace tamada::ctl
