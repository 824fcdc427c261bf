#include "ctl/commands.h"
#include "ctl/terminal.h"
#include "ctl/yaml_dump.h"
#include "wire/json.h"

namespace tamada::ctl {

Done show_config(Session& session, const ClusterOptions& options) {
  const auto cluster = session.find(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  const auto& config = cluster->view.config_json;
  if (config) echo(yaml_block(wire::parse_object(*config).value_or(Json::object())) + "\n");
  return {};
}

}  // namespace tamada::ctl
