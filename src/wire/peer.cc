#include "wire/peer.h"

#include <algorithm>
#include <limits>

#include "core/stuck_disk.h"
#include "wire/json.h"
#include "wire/python_json.h"
#include "wire/tags.h"

namespace tamada::wire {

namespace {

std::optional<core::Duration> dcs_last_seen_ago(const Json& body, std::optional<core::WallTime> answered_at) {
  using std::chrono::seconds;
  constexpr std::uint64_t seconds_max = 1ULL << 33;  // an absurd value must not overflow a duration
  if (const auto told = unsigned_at(body, "dcs_last_seen_ago")) return seconds(std::min(*told, seconds_max));
  const auto last_seen = unsigned_at(body, "dcs_last_seen").value_or(0);
  if (!answered_at || last_seen == 0) return std::nullopt;
  return answered_at->time_since_epoch() - seconds(std::min(last_seen, seconds_max));
}

}  // namespace

core::PeerView parse_peer(std::string_view json, std::optional<core::WallTime> answered_at) {
  core::PeerView peer;
  const auto body = parse_object(json);
  if (!body) return peer;
  if (const Json* patroni = find(*body, "patroni")) peer.name = text_at(*patroni, "name");

  const auto role = text_at(*body, "role");
  const auto state = text_at(*body, "state");
  peer.running = state == "running" || state == "streaming" || state == "in archive recovery";
  peer.streaming = state == "streaming" || text_at(*body, "replication_state") == "streaming";
  const Json* wal = find(*body, "wal");  // Patroni calls it "xlog"; later versions may rename it to "wal"
  if (!wal || !wal->is_object() || wal->empty()) wal = find(*body, "xlog");
  if (wal) {
    const auto location = unsigned_at(*wal, "location").value_or(0);
    // As in Patroni, either the position or the role shows a primary: a peer that has just been promoted may still
    // report its old role.
    peer.in_recovery = location == 0 && role != "primary" && role != "master";
    peer.lsn = peer.in_recovery ? std::max(unsigned_at(*wal, "received_location").value_or(0),
                                           unsigned_at(*wal, "replayed_location").value_or(0))
                                : location;
  }
  const Json* about_to_lead = find(*body, "about_to_lead");
  if (about_to_lead && to_bool(*about_to_lead).value_or(false)) peer.in_recovery = false;
  const auto timeline = unsigned_at(*body, "timeline").value_or(0);
  if (timeline <= std::numeric_limits<core::Timeline>::max()) peer.timeline = static_cast<core::Timeline>(timeline);
  peer.start = timeline_at(*body);
  if (const Json* tags = find(*body, "tags")) {
    const auto parsed = parse_tags(*tags);
    peer.nofailover = parsed.nofailover;
    peer.failover_priority = parsed.failover_priority;
  }
  if (const Json* unlocked = find(*body, "cluster_unlocked"))
    peer.cluster_unlocked = to_bool(*unlocked).value_or(false);
  if (const Json* problems = find(*body, "problems"); problems && problems->is_array()) {
    peer.disk_stuck = std::ranges::any_of(*problems, [](const Json& one) {
      return one.is_object() && text_at(one, "text").contains(core::unended_write);
    });
  }
  peer.dcs_last_seen_ago = dcs_last_seen_ago(*body, answered_at);
  return peer;
}

std::string failsafe_leader_json(const core::FailsafeLeader& leader) {
  Json slots = Json::object();
  for (const auto& [name, lsn] : leader.slots) slots[name] = lsn;
  return dump_compact({{"name", leader.name},
                       {"conn_url", leader.conn_url},
                       {"api_url", leader.api_url},
                       {"slots", std::move(slots)},
                       {"ttl", std::chrono::duration_cast<std::chrono::seconds>(leader.ttl).count()}});
}

std::optional<core::FailsafeLeader> parse_failsafe_leader(std::string_view json) {
  const auto body = parse_object(json);
  if (!body) return std::nullopt;
  core::FailsafeLeader leader{.name = text_at(*body, "name"),
                              .conn_url = text_at(*body, "conn_url"),
                              .api_url = text_at(*body, "api_url"),
                              .slots = {}};
  if (leader.name.empty()) return std::nullopt;
  constexpr std::int64_t day_s = 24 * 3600;
  const Json* ttl = find(*body, "ttl");
  const auto seconds = ttl ? to_integer(*ttl) : std::nullopt;
  if (seconds && *seconds > 0 && *seconds <= day_s) leader.ttl = std::chrono::seconds(*seconds);
  if (const Json* slots = find(*body, "slots"); slots && slots->is_object()) {
    for (const auto& item : slots->items()) {
      if (const auto lsn = to_integer(item.value()); lsn && *lsn >= 0) {
        leader.slots[item.key()] = static_cast<core::Lsn>(*lsn);
      }
    }
  }
  return leader;
}

}  // namespace tamada::wire
