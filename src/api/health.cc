#include "api/health.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "api/request_target.h"
#include "api/status.h"
#include "wire/number.h"

namespace tamada::api {
namespace {

constexpr int ok = 200;
constexpr int unavailable = 503;

int as_code(bool good) { return good ? ok : unavailable; }

bool has(std::string_view path, std::string_view word) { return path.find(word) != std::string_view::npos; }

// The leader's position, as it last wrote it to the DCS or told our WAL receiver, is beyond `position` by more than
// `lag_max`.
bool lags(const core::Observation& seen, core::Lsn position, std::int64_t lag_max) {
  const auto& sql = seen.postgres.sql;
  const auto leader = std::max(seen.cluster.status ? seen.cluster.status->optime.value_or(0) : 0,
                               sql ? sql->latest_end_lsn.value_or(0) : 0);
  return static_cast<__int128>(leader) > static_cast<__int128>(position) + lag_max;
}

std::int64_t lag_of(const Query& query, std::int64_t otherwise) {
  const auto* text = find(query, "lag");
  return text ? wire::parse_whole(*text, "B").value_or(otherwise) : otherwise;
}

bool replica_is_good(const Snapshot& snapshot, const Status& status, const Query& query) {
  const auto& seen = snapshot.seen;
  if (seen.settings.tags.noloadbalance || status.role != "replica" || !status.running()) return false;
  if (lags(seen, status.replayed(), lag_of(query, std::numeric_limits<std::int64_t>::max()))) return false;
  const auto* wanted = find(query, "replication_state");
  return !wanted || (status.sql && status.sql->replication_state == *wanted);
}

struct Roles {
  bool leader = false, primary = false, standby_leader = false, replica = false;
};

Roles roles_of(const Snapshot& snapshot, const Status& status, const Query& query) {
  Roles out;
  if (status.silent) return out;
  out.replica = replica_is_good(snapshot, status, query);
  if (!status.dcs_available && status.pause) {
    // As in Patroni: in pause without a DCS nobody takes over, so the role in which the server runs decides.
    out.primary = status.role == "primary";
    out.standby_leader = status.role == "standby_leader";
    out.leader = out.primary || out.standby_leader;
  } else if (status.leader) {
    out.leader = true;
    out.primary = !status.standby_cluster;
    out.standby_leader = status.standby_cluster && (status.role == "replica" || status.role == "standby_leader");
    if (status.standby_cluster) out.replica = false;
  }
  return out;
}

// The checks for synchronous standbys, which need the DCS.
bool by_synchronization(std::string_view path, const Status& status, const Roles& roles) {
  const bool leads = roles.primary || roles.standby_leader;
  if (path == "/sync" || path == "/synchronous") return status.sync_standby && roles.replica;
  if (path == "/quorum") return status.quorum_standby && roles.replica;
  if (path == "/async" || path == "/asynchronous")
    return !status.sync_standby && !status.quorum_standby && roles.replica;
  if (path == "/read-only-quorum") return leads || (status.quorum_standby && roles.replica);
  if (path == "/read-only-sync" || path == "/read-only-synchronous")
    return leads || (status.sync_standby && roles.replica);
  return false;
}

// A tag's value as Patroni compares it: a string as it is, any other value as lower-case text.
std::optional<std::string> tag_text(const core::Tags& tags, std::string_view name) {
  const auto it = std::ranges::find(tags.published, name, &std::pair<std::string, std::string>::first);
  if (it == tags.published.end()) return std::nullopt;
  const auto value = nlohmann::json::parse(it->second, nullptr, false);
  if (value.is_discarded()) return it->second;
  if (value.is_null()) return std::nullopt;
  if (value.is_string()) return value.get<std::string>();
  auto text = value.dump();
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return c < 128 ? std::tolower(c) : c; });
  return text;
}

bool tags_match(const core::Tags& tags, const Query& query) {
  constexpr std::string_view prefix = "tag_";
  return std::ranges::all_of(query, [&](const auto& item) {
    const std::string_view name = item.first;
    if (!name.starts_with(prefix)) return true;
    if (find(query, name) != &item.second) return true;  // only the first value of a name counts
    return tag_text(tags, name.substr(prefix.size())) == item.second;
  });
}

int liveness(const Snapshot& snapshot, const Status& status, core::Instant now) {
  const bool before_first_cycle = snapshot.cycle_at == core::Instant{};
  return as_code(status.pause || before_first_cycle || now < liveness_until(snapshot));
}

int readiness(const Snapshot& snapshot, const Status& status, const Query& query) {
  if (status.silent) return unavailable;
  if (status.leader) return ok;
  if (snapshot.state != "running" || !status.sql || status.sql->replication_state != "streaming") return unavailable;
  if (!status.dcs_available && !status.sql->latest_end_lsn) return unavailable;
  const auto* mode = find(query, "mode");
  const auto position = mode && *mode == "write" ? status.received() : status.replayed();
  const auto limit = lag_of(query, static_cast<std::int64_t>(snapshot.seen.settings.maximum_lag_on_failover));
  return as_code(!lags(snapshot.seen, position, limit));
}

}  // namespace

int health(const Snapshot& snapshot, core::Instant now, std::string_view path, std::string_view query_text) {
  const auto status = status_of(snapshot, now);
  const auto query = parse_query(query_text);
  const Target target{std::string(path), {}};
  if (target.segment() == "liveness") return liveness(snapshot, status, now);
  if (target.segment() == "readiness") return readiness(snapshot, status, query);

  const auto roles = roles_of(snapshot, status, query);
  if (has(path, "standby_leader") || has(path, "standby-leader")) return as_code(roles.standby_leader);
  if (has(path, "leader")) return as_code(roles.leader);
  if (path == "/" || has(path, "master") || has(path, "primary") || has(path, "read-write"))
    return as_code(roles.primary);

  bool good = false;
  if (has(path, "replica")) {
    good = roles.replica;
  } else if (has(path, "read-only") && !has(path, "sync") && !has(path, "quorum")) {
    good = roles.primary || roles.standby_leader || roles.replica;
  } else if (has(path, "health")) {
    good = status.running() && !status.silent;
  } else if (status.dcs_available) {
    good = by_synchronization(path, status, roles);
  }
  return as_code(good && tags_match(snapshot.seen.settings.tags, query));
}

}  // namespace tamada::api
