#include "core/upstream.h"

#include <tuple>

#include "core/slots.h"

namespace tamada::core {

Upstream upstream_to(const Member& member) {
  return {.member = member.name, .conn_url = member.conn_url, .host = member.host, .port = member.port};
}

Upstream remote_upstream(const StandbyCluster& standby) {
  return {.member = standby.host.empty() ? "" : "remote_member",
          .conn_url = {},
          .host = standby.host,
          .port = standby.port,
          .remote = true,
          .slot = standby.primary_slot_name,
          .restore_command = standby.restore_command,
          .archive_cleanup_command = standby.archive_cleanup_command,
          .recovery_min_apply_delay = standby.recovery_min_apply_delay};
}

bool may_copy_remote_server(const Observation& seen) {
  if (!seen.settings.standby_cluster || seen.settings.standby_cluster->host.empty() || !seen.holds_leader_key())
    return false;
  const auto& postgres = seen.postgres;
  return !postgres.running_primary() && !(postgres.sql && postgres.sql->replication_state == "streaming");
}

std::optional<Upstream> wanted_upstream(const Observation& seen) {
  const auto& standby = seen.settings.standby_cluster;
  if (seen.settings.tags.nostream) return Upstream{};
  if (standby && seen.holds_leader_key()) return remote_upstream(*standby);
  Member self;
  self.name = seen.self;
  self.tags = seen.settings.tags;
  const auto* source = seen.cluster.member(upstream_of(seen.cluster, seen.presumed_primary(), self));
  if (!source || source->conn_url.empty()) return std::nullopt;
  auto upstream = upstream_to(*source);
  if (standby) {
    upstream.restore_command = standby->restore_command;
    upstream.archive_cleanup_command = standby->archive_cleanup_command;
  }
  return upstream;
}

std::optional<Upstream> history_source(const Observation& seen) {
  if (const auto& standby = seen.settings.standby_cluster) {
    return standby->host.empty() ? std::nullopt : std::optional(remote_upstream(*standby));
  }
  const auto* leader = seen.presumed_primary_member();
  if (!leader || leader->conn_url.empty()) return std::nullopt;
  return upstream_to(*leader);
}

std::vector<std::string> replica_methods(const Settings& settings) {
  const auto& standby = settings.standby_cluster;
  if (!standby) return {};
  return standby->create_replica_methods.empty() ? std::vector<std::string>{"basebackup"}
                                                 : standby->create_replica_methods;
}

bool same_source(const Upstream& a, const Upstream& b) {
  const auto what = [](const Upstream& u) {
    return std::tie(u.host, u.port, u.remote, u.slot, u.restore_command, u.archive_cleanup_command,
                    u.recovery_min_apply_delay, u.target_timeline);
  };
  return what(a) == what(b);
}

}  // namespace tamada::core
