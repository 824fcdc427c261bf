// The keys below <namespace>/<scope>/, converted from Patroni's format to core's types and back. Reading accepts the
// forms of older Patroni versions (role "master", state "streaming"), and an invalid value counts as absent and never
// throws. Writing gives what Patroni 4.1 writes, byte for byte, in its key order.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/cluster_view.h"

namespace tamada::wire {

struct RawKey {
  std::string value;
  core::Revision mod_revision = 0;
  core::Revision create_revision = 0;
  core::LeaseId lease;
};

// `key` is without the cluster's prefix: "leader", "members/n1" ... Unknown keys are ignored.
void apply_put(core::ClusterView& view, std::string_view key, const RawKey& raw);
void apply_delete(core::ClusterView& view, std::string_view key);

std::string member_json(const core::Member& member);
std::string status_json(const core::Status& status);
std::string history_json(const std::vector<core::HistoryLine>& lines);
std::string failover_json(const core::FailoverRequest& request);
core::FailoverRequest parse_failover(std::string_view json);
std::string sync_json(const core::SyncState& sync);
std::string failsafe_json(const std::map<std::string, std::string>& members);

// The host and the port of postgres://host:port/database; empty strings when the text has another form.
std::pair<std::string, std::string> parse_conn_url(std::string_view conn_url);

// "2026-11-22T22:25:56.043033+00:00", as Python's isoformat. Parsing also accepts "Z", a blank instead of the T, and no
// fraction.
std::string format_iso(core::WallTime time);
struct ParsedTime {
  core::WallTime time;
  bool has_zone;
};
std::optional<ParsedTime> parse_iso(std::string_view text);

}  // namespace tamada::wire
