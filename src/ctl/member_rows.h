// `list` and `topology`: the members of a cluster as rows. Pure.
#pragma once

#include <optional>
#include <string>

#include "core/cluster_view.h"
#include "ctl/output.h"

namespace tamada::ctl {

// `cluster` is wire::cluster_json's; `name` the cluster's; `initialize` the key of that name.
Table member_table(const Json& cluster, const std::string& name, const std::optional<std::string>& initialize,
                   bool extended, Format format);

// Maintenance mode, a scheduled switchover: printed below the table; empty when there is nothing to say.
std::string service_info(const Json& cluster);

// Both of them, as they are printed.
std::string format_members(const core::ClusterView& view, const std::string& name, bool extended, Format format);

}  // namespace tamada::ctl
