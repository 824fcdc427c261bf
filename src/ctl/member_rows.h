// The members of a cluster as rows of a table, for `list` and `topology`. These are pure functions.
#pragma once

#include <optional>
#include <string>

#include "core/cluster_view.h"
#include "ctl/output.h"

namespace tamada::ctl {

// `cluster` is the result of wire::cluster_json, `name` the cluster's name, and `initialize` the value of that key.
Table member_table(const Json& cluster, const std::string& name, const std::optional<std::string>& initialize,
                   bool extended, Format format);

// The lines below the table: maintenance mode, a scheduled switchover; empty when there are none.
std::string service_info(const Json& cluster);

// The table and the lines below it.
std::string format_members(const core::ClusterView& view, const std::string& name, bool extended, Format format);

}  // namespace tamada::ctl
