#include "ctl/member_rows.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>

#include "ctl/member_facts.h"
#include "ctl/terminal.h"
#include "diagnosis/missing.h"
#include "wire/cluster_json.h"
#include "wire/keys.h"

namespace tamada::ctl {
namespace {

Json get(const Json& object, std::string_view key, const Json& fallback = "") {
  const auto it = object.find(key);
  return it == object.end() ? fallback : *it;
}

bool has(const Json& object, std::string_view key) {
  const Json value = get(object, key, nullptr);
  return !value.is_null() && value != false && !(value.is_structured() && value.empty());
}

// The key of a column: "Pending restart reason" -> "pending_restart_reason".
std::string key_of(std::string column) {
  for (char& c : column) c = c == ' ' ? '_' : static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return column;
}

// "sync_standby" -> "Sync Standby"
std::string role_title(std::string role) {
  bool first = true;
  for (char& c : role) {
    if (c == '_') c = ' ';
    if (first && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    first = c == ' ';
  }
  return role;
}

// Bytes in MB, rounded as by Python's round: halves to the even number.
Json lag_mb(const Json& lag) {
  if (lag.is_number()) return static_cast<std::int64_t>(std::nearbyint(lag.get<double>() / 1024 / 1024));
  return lag == "unknown" ? Json("") : lag;
}

std::string restart_reason(const Json& member, bool hide_long) {
  const Json reasons = get(member, "pending_restart_reason", Json::object());
  std::string text;
  if (!reasons.is_object()) return text;
  for (const auto& [parameter, values] : reasons.items()) {
    if (!values.is_object()) continue;
    auto line = parameter + ": " + text_of(get(values, "old_value")) + "->" + text_of(get(values, "new_value"));
    if (hide_long && line.size() > 50) line = parameter + ": [hidden - too long]";
    text += (text.empty() ? "" : "\n") + line;
  }
  return text;
}

std::string scheduled_restart(const Json& member) {
  const Json restart = get(member, "scheduled_restart", Json::object());
  if (!restart.is_object()) return "";
  auto text = text_of(get(restart, "schedule"));
  if (restart.contains("postgres_version")) text += " if version < " + text_of(restart["postgres_version"]);
  return text;
}

// "31 %" of a fresh copy. Only people see it, because programs compare the state as a text.
std::string copied_percent(const Json& member) {
  const Json copy = get(member, "copy", Json::object());
  const Json done = get(copy, "bytes_done"), total = get(copy, "bytes_total");
  if (!done.is_number_unsigned() || !total.is_number_unsigned() || total == 0) return "";
  return std::to_string(done.get<std::uint64_t>() * 100 / total.get<std::uint64_t>()) + " %";
}

// Before 4.1, members published only one position.
void show_old_position(Json& member) {
  const Json lsn = get(member, "lsn");
  if (get(member, "receive_lsn") != "unknown" || get(member, "replay_lsn") != "unknown") return;
  if (lsn == "" || lsn == "unknown") return;
  const std::string which = member["state"] == "streaming" ? "receive_" : "replay_";
  member[which + "lag"] = get(member, "lag");
  member[which + "lsn"] = lsn;
}

std::vector<Json> row_of(Json member, const std::string& cluster, const std::vector<std::string>& columns,
                         bool with_port, bool for_people) {
  show_old_position(member);
  member["cluster"] = cluster;
  member["member"] = get(member, "name");
  member["host"] = get(member, "host");
  member["tl"] = get(member, "timeline");
  member["role"] = role_title(text_of(get(member, "role")));
  member["receive_lag"] = lag_mb(get(member, "receive_lag"));
  member["replay_lag"] = lag_mb(get(member, "replay_lag"));
  member["pending_restart_reason"] = restart_reason(member, for_people);
  member["pending_restart"] = has(member, "pending_restart") ? "*" : "";
  if (const auto copied = for_people ? copied_percent(member) : ""; !copied.empty()) {
    member["state"] = text_of(get(member, "state")) + " " + copied;
  }
  // The mark points to the problems below the table.
  if (for_people && has(member, "trouble")) member["state"] = text_of(get(member, "state")) + " !";
  if (member.contains("scheduled_restart")) member["scheduled_restart"] = scheduled_restart(member);
  if (with_port && member["host"] != "" && has(member, "port")) {
    member["host"] = text_of(member["host"]) + ":" + text_of(member["port"]);
  }
  std::vector<Json> row;
  for (const auto& column : columns) row.push_back(get(member, key_of(column)));
  return row;
}

// Columns of member_table.
constexpr std::size_t host_column = 2, role_column = 3, state_column = 4, receive_lsn_column = 6,
                      receive_lag_column = 7, replay_lsn_column = 8, replay_lag_column = 9;

// Colours what an operator has to notice at once: the leader, members that do not run, and lag.
void paint_row(Table& table, const Json& member) {
  const auto row = table.rows.size() - 1;
  const auto role = text_of(get(member, "role")), state = text_of(get(member, "state"));
  if (role.ends_with("leader")) table.colours[{row, role_column}] = Colour::green;
  const std::set<std::string> well = {"running", "streaming"};
  const std::set<std::string> broken = {"stopped", "crashed", "start failed", "stop failed", "restart failed",
                                        "unknown", ""};
  if (!well.contains(state)) {
    table.colours[{row, state_column}] = broken.contains(state) ? Colour::red : Colour::yellow;
  }
  for (const auto column : {receive_lag_column, replay_lag_column}) {
    const Json& lag = table.rows[row][column];
    if (lag.is_number() && lag > 0) table.colours[{row, column}] = Colour::yellow;
  }
  for (std::size_t column = replay_lag_column + 1; column < table.columns.size(); ++column) {
    if (table.columns[column].starts_with("Pending")) table.colours[{row, column}] = Colour::yellow;
  }
}

// Places each member below the one that it replicates from, as far as the tags tell.
class Topology {
 public:
  explicit Topology(const Json& members) {
    Json leader = {{"name", ""}};
    std::set<std::string> replicas;
    for (const auto& member : members) {
      if (is_leader(member)) {
        if (leader["name"] == "") leader = member;
      } else {
        replicas.insert(text_of(member["name"]));
      }
    }
    for (const auto& member : members) {
      if (is_leader(member)) continue;
      auto parent = text_of(get(get(member, "tags", Json::object()), "replicatefrom"));
      if (parent == text_of(member["name"]) || !replicas.contains(parent)) parent = text_of(leader["name"]);
      below_[parent].push_back(member);
    }
    add(leader, 0);
  }
  const Json& sorted() const { return sorted_; }

 private:
  static bool is_leader(const Json& member) { return text_of(member["role"]).ends_with("leader"); }

  void add(Json member, std::size_t level) {
    const auto name = text_of(member["name"]);
    const auto found = below_.find(name);
    const auto below = found == below_.end() ? std::vector<Json>{} : found->second;
    // Each list is used once; otherwise members that replicate from one another would make a loop.
    if (found != below_.end()) below_.erase(found);
    if (level > 0) member["name"] = std::string((level - 1) * 2, ' ') + "+ " + name;
    if (!name.empty()) sorted_.push_back(std::move(member));
    for (const auto& next : below) add(next, level + 1);
  }

  std::map<std::string, std::vector<Json>> below_;
  Json sorted_ = Json::array();
};

// Whether several members have the same host.
bool needs_port(const Json& members) {
  std::set<std::string> hosts;
  std::size_t count = 0;
  bool other_port = false;
  for (const auto& member : members) {
    if (!member.contains("host")) continue;
    ++count;
    hosts.insert(text_of(member["host"]));
    other_port |= member.contains("port") && member["port"] != 5432;
  }
  return other_port || hosts.size() < count;
}

}  // namespace

Table member_table(const Json& cluster, const std::string& name, const std::optional<std::string>& initialize,
                   bool extended, Format format) {
  const Json& members = cluster["members"];
  const bool pretty = format == Format::pretty || format == Format::topology;
  Table table;
  table.of_cluster = true;
  table.columns = {"Cluster", "Member",      "Host",        "Role",       "State",
                   "TL",      "Receive LSN", "Receive Lag", "Replay LSN", "Replay Lag"};
  for (const char* column : {"Pending restart", "Pending restart reason", "Scheduled restart", "Tags"}) {
    const bool used = std::ranges::any_of(
        members, [&](const Json& member) { return member.contains("host") && has(member, key_of(column)); });
    if (extended || used) table.columns.emplace_back(column);
  }
  // This column is an addition to Patroni's. It is left out if it is empty, and people see its content below the table.
  if (!pretty && std::ranges::any_of(members, [](const Json& member) { return has(member, "trouble"); })) {
    table.columns.emplace_back("Trouble");
  }
  const Topology topology(members);
  const bool with_port = needs_port(members);
  for (const auto& member : format == Format::topology ? topology.sorted() : members) {
    table.rows.push_back(row_of(member, name, table.columns, with_port, pretty));
    if (pretty) paint_row(table, member);
  }
  table.narrower = {{receive_lsn_column, receive_lag_column, replay_lsn_column},
                    {receive_lsn_column, receive_lag_column, replay_lsn_column, host_column}};
  const std::string id = !initialize ? "uninitialized" : initialize->empty() ? "initializing" : *initialize;
  table.title = " Cluster: " + name + " (" + id + ") ";
  table.right = {"Receive LSN", "Replay LSN", "Lag", "TL"};
  if (pretty) table.columns[7] = table.columns[9] = "Lag";
  return table;
}

namespace {

// A text such as " (in 5 min)", only on a terminal.
std::string until(const std::string& iso) {
  const auto at = is_terminal() ? wire::parse_iso(iso) : std::nullopt;
  if (!at) return "";
  const auto left = std::chrono::duration<double>(at->time - std::chrono::system_clock::now()).count();
  return left > 0 ? " (in " + format_age(left) + ")" : " (" + format_age(-left) + " ago)";
}

}  // namespace

std::string service_info(const Json& cluster) {
  std::string text;
  if (has(cluster, "pause")) text += " Maintenance mode: on\n";
  if (!cluster.contains("scheduled_switchover")) return text;
  const Json& switchover = cluster["scheduled_switchover"];
  const auto at = text_of(switchover["at"]);
  text += " Switchover scheduled at: " + at + until(at) + "\n";
  for (const std::string key : {"from", "to"}) {
    if (switchover.contains(key))
      text += std::string(24 - key.size(), ' ') + key + ": " + text_of(switchover[key]) + "\n";
  }
  return text;
}

namespace {

std::string problem_lines(const Json& cluster) {
  std::string text;
  for (const auto& member : cluster["members"]) {
    if (!has(member, "trouble")) continue;
    text += " ! " + printable(text_of(member["name"])) + ": " + printable(text_of(member["trouble"])) + "\n";
  }
  return text;
}

std::string missing_line(const core::ClusterView& view) {
  std::string text;
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  for (const auto& one : diagnosis::missing_members(view))
    text += (text.empty() ? "" : ", ") + printable(describe(one, now));
  return text.empty() ? "" : " Missing: " + text + "\n";
}

}  // namespace

std::string format_members(const core::ClusterView& view, const std::string& name, bool extended, Format format) {
  const Json cluster = wire::cluster_json(view);
  const auto table = format_table(member_table(cluster, name, view.initialize, extended, format), format);
  const bool pretty = format == Format::pretty || format == Format::topology;
  return pretty ? table + problem_lines(cluster) + missing_line(view) + service_info(cluster) : table;
}

}  // namespace tamada::ctl
