#include "ctl/commands.h"
#include "ctl/yaml_dump.h"
#include "wire/json.h"

namespace tamada::ctl {

Done show_config(Session& session, const std::string& cluster) {
  const auto name = session.cluster_name(cluster);
  if (!name) return std::unexpected(name.error());
  const auto view = session.cluster(*name);
  if (!view) return std::unexpected(view.error());
  if (view->config_json) echo(yaml_block(wire::parse_object(*view->config_json).value_or(Json::object())) + "\n");
  return {};
}

}  // namespace tamada::ctl
