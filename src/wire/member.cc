// The keys members/<name>.
#include "wire/member.h"

#include <algorithm>
#include <limits>

#include "wire/json.h"
#include "wire/keys.h"
#include "wire/percent.h"
#include "wire/python_json.h"
#include "wire/tags.h"

namespace tamada::wire {
namespace {

core::Timeline timeline_of(std::optional<std::uint64_t> number) {
  return number && *number <= std::numeric_limits<core::Timeline>::max() ? static_cast<core::Timeline>(*number) : 0;
}

std::string object_text(const Json& data, std::string_view key) {
  const Json* value = find(data, key);
  return value && value->is_object() && !value->empty() ? dump_compact(*value) : std::string();
}

core::CopyProgress parse_copy(const Json& data) {
  return {.what = text_at(data, "what"),
          .bytes_done = unsigned_at(data, "bytes_done").value_or(0),
          .bytes_total = unsigned_at(data, "bytes_total").value_or(0),
          .bytes_per_s = unsigned_at(data, "bytes_per_s").value_or(0),
          .seconds_left = integer_at(data, "seconds_left")};
}

// The form of Patroni's predecessor: a bare connection URL with the API's URL as application_name.
void read_bare_url(core::Member& member, std::string_view value) {
  const auto query = value.find('?');
  member.conn_url = value.substr(0, query);
  member.state = "unknown";
  constexpr std::string_view name = "application_name=";
  const auto at = query == value.npos ? value.npos : value.find(name, query);
  if (at == value.npos) return;
  const auto text = value.substr(at + name.size());
  member.api_url = percent_decoded(text.substr(0, text.find('&')));
}

void read_object(core::Member& member, const Json& data) {
  member.conn_url = text_at(data, "conn_url");
  member.api_url = text_at(data, "api_url");
  member.proxy_url = text_at(data, "proxy_url");
  member.state = text_at(data, "state");
  member.role = text_at(data, "role");
  member.version = text_at(data, "version");
  member.replication_state = text_at(data, "replication_state");
  member.xlog_location = unsigned_at(data, "xlog_location");
  member.receive_lsn = unsigned_at(data, "receive_lsn");
  member.replay_lsn = unsigned_at(data, "replay_lsn");
  if (const auto timeline = timeline_of(unsigned_at(data, "timeline"))) member.timeline = timeline;
  if (const Json* tags = find(data, "tags")) member.tags = parse_tags(*tags);
  if (const Json* pause = find(data, "pause")) member.pause = to_bool(*pause).value_or(false);
  if (const Json* pending = find(data, "pending_restart")) member.pending_restart = to_bool(*pending).value_or(false);
  if (const Json* done = find(data, "checkpoint_after_promote")) {
    member.checkpoint_pending = !to_bool(*done).value_or(true);
  }
  member.pending_restart_reason_json = object_text(data, "pending_restart_reason");
  member.scheduled_restart_json = object_text(data, "scheduled_restart");
  if (const Json* copy = find(data, "copy"); copy && copy->is_object()) member.copy = parse_copy(*copy);
  member.trouble = text_at(data, "trouble");
}

}  // namespace

Json copy_json(const core::CopyProgress& copy) {
  Json data = {{"what", copy.what}, {"bytes_done", copy.bytes_done}};
  data["bytes_total"] = copy.bytes_total == 0 ? Json(nullptr) : Json(copy.bytes_total);
  data["bytes_per_s"] = copy.bytes_per_s;
  data["seconds_left"] = copy.seconds_left ? Json(*copy.seconds_left) : Json(nullptr);
  return data;
}

core::Member parse_member(std::string_view name, std::string_view value) {
  core::Member member;
  member.name = name;
  if (value.starts_with("postgres")) {
    read_bare_url(member, value);
  } else if (const auto data = parse_object(value)) {
    read_object(member, *data);
  }
  std::tie(member.host, member.port) = parse_conn_url(member.conn_url);
  return member;
}

std::string member_json(const core::Member& member) {
  Json data = {{"conn_url", member.conn_url},
               {"api_url", member.api_url},
               {"state", member.state},
               {"role", member.role},
               {"version", member.version}};
  if (!member.proxy_url.empty()) data["proxy_url"] = member.proxy_url;
  if (member.checkpoint_pending) data["checkpoint_after_promote"] = false;
  if (!member.tags.published.empty()) data["tags"] = tags_json(member.tags);
  if (member.pending_restart) {
    data["pending_restart"] = true;
    if (auto reason = parse_object(member.pending_restart_reason_json)) data["pending_restart_reason"] = *reason;
  }
  if (member.xlog_location) data["xlog_location"] = *member.xlog_location;
  if (member.replay_lsn) data["replay_lsn"] = *member.replay_lsn;
  if (member.receive_lsn) data["receive_lsn"] = *member.receive_lsn;
  if (!member.replication_state.empty()) data["replication_state"] = member.replication_state;
  if (member.timeline) data["timeline"] = *member.timeline;
  if (auto schedule = parse_object(member.scheduled_restart_json)) data["scheduled_restart"] = *schedule;
  if (member.pause) data["pause"] = true;
  if (member.copy) data["copy"] = copy_json(*member.copy);
  if (!member.trouble.empty()) data["trouble"] = member.trouble;
  return dump_compact(data);
}

std::pair<std::string, std::string> parse_conn_url(std::string_view conn_url) {
  const auto scheme_end = conn_url.find("://");
  if (scheme_end == conn_url.npos) return {};
  const auto scheme = conn_url.substr(0, scheme_end);
  if (scheme != "postgres" && scheme != "postgresql") return {};
  auto authority = conn_url.substr(scheme_end + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (const auto at = authority.rfind('@'); at != authority.npos) authority.remove_prefix(at + 1);

  std::string_view host, port;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == authority.npos) return {};
    host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
  } else {
    const auto colon = authority.find(':');
    host = authority.substr(0, colon);
    if (colon != authority.npos) port = authority.substr(colon);
  }
  if (host.empty()) return {};
  if (port.empty() || port == ":") return {std::string(host), "5432"};
  if (port.front() != ':') return {};
  port.remove_prefix(1);
  const auto number = integer_of(port);
  if (!number || *number < 1 || *number > 65535 || port.find_first_not_of("0123456789") != port.npos) return {};
  return {std::string(host), std::string(port)};
}

}  // namespace tamada::wire
