#include "postgres/sql_view.h"

#include <fmt/format.h>

#include <charconv>

#include "config/parameter.h"
#include "config/recovery.h"
#include "core/server_features.h"
#include "wire/json.h"
#include "wire/python_json.h"

namespace tamada::postgres {
namespace {

// The columns of the answer, in their order.
enum Column : std::size_t {
  in_recovery,
  timeline,
  receive_lsn,
  replay_lsn,
  latest_end_lsn,
  replay_timestamp,
  replay_paused,
  receiver_status,
  restore_command,
  start_time,
  replication,
  sync_names,
  slots,
  pending_restart,
  slot_keeps_at_most,
  max_wal_size,
  system_identifier,
  current_lsn,  // read last, so that no standby that streams from this server can be beyond it
  column_count
};

constexpr std::string_view query_template = R"sql(
SELECT r.recovering,
  CASE WHEN r.recovering THEN GREATEST(
      CASE WHEN w.latest_end_lsn IS NULL THEN 0 ELSE w.received_tli END,
      (SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery()),
      (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()))
    ELSE ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
  CASE WHEN r.recovering THEN pg_catalog.pg_wal_lsn_diff(GREATEST(pg_catalog.pg_last_wal_receive_lsn(), {written}), '0/0')::bigint END,
  CASE WHEN r.recovering THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_replay_lsn(), '0/0')::bigint END,
  pg_catalog.pg_wal_lsn_diff(w.latest_end_lsn, '0/0')::bigint,
  pg_catalog.to_char(pg_catalog.pg_last_xact_replay_timestamp(), 'YYYY-MM-DD HH24:MI:SS.USOF'),
  CASE WHEN r.recovering THEN pg_catalog.pg_is_wal_replay_paused() END,
  w.status,
  {restore},
  pg_catalog.to_char(pg_catalog.pg_postmaster_start_time(), 'YYYY-MM-DD HH24:MI:SS.USOF'),
  (SELECT pg_catalog.json_agg(s) FROM (SELECT usename, application_name, client_addr, state, sync_state, sync_priority, pid,
      pg_catalog.pg_wal_lsn_diff(flush_lsn, '0/0')::bigint AS flush_lsn,
      pg_catalog.pg_wal_lsn_diff(CASE pg_catalog.current_setting('synchronous_commit') WHEN 'remote_apply' THEN replay_lsn
      WHEN 'remote_write' THEN write_lsn ELSE flush_lsn END, '0/0')::bigint AS sync_lsn
      FROM pg_catalog.pg_stat_replication) s),
  pg_catalog.current_setting('synchronous_standby_names'),
  (SELECT pg_catalog.json_agg(s) FROM (SELECT slot_name, slot_type, active, pg_catalog.pg_wal_lsn_diff(
      CASE slot_type WHEN 'logical' THEN confirmed_flush_lsn ELSE restart_lsn END, '0/0')::bigint AS lsn,
      pg_catalog.pg_wal_lsn_diff(restart_lsn, '0/0')::bigint AS keeps_from, database, plugin, xmin IS NOT NULL AS holds_xmin, catalog_xmin{slot_columns}
      FROM pg_catalog.pg_replication_slots WHERE NOT temporary{slot_filter}) s),
  (SELECT pg_catalog.json_object_agg(s.name, pg_catalog.json_build_array(s.vartype, s.unit, s.setting, COALESCE(
      (SELECT f.setting FROM pg_catalog.pg_file_settings f WHERE pg_catalog.lower(f.name) = pg_catalog.lower(s.name)
      ORDER BY f.seqno DESC LIMIT 1), s.boot_val))) FROM pg_catalog.pg_settings s WHERE s.pending_restart),
  {slot_limit},
  pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')),
  (SELECT system_identifier FROM pg_catalog.pg_control_system()),
  CASE WHEN NOT r.recovering THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), '0/0')::bigint END
FROM (SELECT pg_catalog.pg_is_in_recovery() AS recovering) r, pg_catalog.pg_stat_get_wal_receiver() w)sql";

std::optional<std::uint64_t> number_of(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  std::uint64_t value = 0;
  const auto [stopped, failed] = std::from_chars(text->data(), text->data() + text->size(), value);
  return failed == std::errc() ? std::optional(value) : std::nullopt;
}

template <class Use>
void each_object(const std::optional<std::string>& text, Use use) {
  const auto list = text ? wire::parse_json(*text) : std::nullopt;
  if (!list || !list->is_array()) return;
  for (const auto& item : *list) {
    if (item.is_object()) use(item);
  }
}

void read_replication(core::SqlView& view, const std::optional<std::string>& text) {
  each_object(text, [&view](const wire::Json& item) {
    core::ReplicationConnection connection;
    connection.usename = wire::text_at(item, "usename");
    connection.application_name = wire::text_at(item, "application_name");
    connection.client_addr = wire::text_at(item, "client_addr");
    connection.state = wire::text_at(item, "state");
    connection.sync_state = wire::text_at(item, "sync_state");
    connection.sync_priority = static_cast<int>(wire::integer_at(item, "sync_priority").value_or(0));
    connection.pid = static_cast<int>(wire::integer_at(item, "pid").value_or(0));
    connection.flush_lsn = wire::unsigned_at(item, "flush_lsn");
    connection.sync_lsn = wire::unsigned_at(item, "sync_lsn");
    view.replication.push_back(std::move(connection));
  });
}

bool is_true(const wire::Json& item, std::string_view key) {
  const auto* value = wire::find(item, key);
  return value && wire::to_bool(*value).value_or(false);
}

void read_slots(core::SqlView& view, const std::optional<std::string>& text) {
  each_object(text, [&view](const wire::Json& item) {
    core::SlotView slot;
    slot.name = wire::text_at(item, "slot_name");
    slot.physical = wire::text_at(item, "slot_type") == "physical";
    slot.active = is_true(item, "active");
    slot.restart_lsn = wire::unsigned_at(item, "lsn");
    slot.database = wire::text_at(item, "database");
    slot.plugin = wire::text_at(item, "plugin");
    slot.catalog_xmin = parse_xid(wire::text_at(item, "catalog_xmin"));
    slot.holds_xmin = is_true(item, "holds_xmin");
    slot.keeps_from = wire::unsigned_at(item, "keeps_from");
    slot.failover = is_true(item, "failover");
    slot.lost = wire::text_at(item, "wal_status") == "lost";
    view.slots.push_back(std::move(slot));
  });
}

// An element of a JSON array as text; empty when it is null.
std::string text_of(const wire::Json& array, std::size_t index) {
  const auto& value = array.at(index);
  return value.is_string() ? value.get<std::string>() : "";
}

// old_value is the value in force and new_value that of the files. Both have readable units, as Patroni shows them.
void read_pending_restart(core::SqlView& view, const std::optional<std::string>& text) {
  const auto settings = text ? wire::parse_object(*text) : std::nullopt;
  if (!settings) return;
  for (const auto& [name, columns] : settings->items()) {
    if (!columns.is_array() || columns.size() != 4 || name == "hot_standby") continue;
    // A primary does not use the settings of recovery, so a change of them does not wait for a restart.
    if (!view.in_recovery && config::is_recovery_parameter(name)) continue;
    const auto type = config::parameter_type(text_of(columns, 0));
    const auto unit = text_of(columns, 1);
    wire::Json reason;
    reason["old_value"] = config::readable_value(type, unit, text_of(columns, 2));
    reason["new_value"] = config::readable_wanted(type, unit, text_of(columns, 3));
    view.pending_restart[name] = wire::dump_compact(reason);
  }
}

}  // namespace

std::optional<core::Xid> parse_xid(std::string_view text) {
  core::Xid value = 0;
  const auto [stopped, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc() ? std::optional(value) : std::nullopt;
}

std::string sql_view_query(int server_version) {
  return fmt::format(
      query_template,
      fmt::arg("written", core::features::tells_written_lsn(server_version) ? "w.written_lsn" : "w.received_lsn"),
      // Slots that PostgreSQL 17 synchronizes by itself are left out.
      fmt::arg("slot_columns", core::features::has_failover_slots(server_version) ? ", wal_status, failover"
                               : core::features::tells_wal_status(server_version) ? ", wal_status"
                                                                                  : ""),
      fmt::arg("slot_limit",
               // The setting is -1 when there is no limit.
               core::features::tells_wal_status(server_version)
                   ? "NULLIF(pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_slot_wal_keep_size')), -1)"
                   : "NULL"),
      fmt::arg("slot_filter",
               core::features::has_failover_slots(server_version) ? " AND NOT (failover AND synced)" : ""),
      fmt::arg("restore", core::features::has_standby_signal(server_version)
                              ? "pg_catalog.current_setting('restore_command')"
                              : "NULL"));
}

core::Result<ServerAnswer> read_sql_view(const Row& row, bool restore_command_configured) {
  if (row.size() != column_count || !row[in_recovery]) return core::fail("unexpected answer of the server");
  ServerAnswer answer;
  auto& view = answer.view;
  view.in_recovery = *row[in_recovery] == "t";
  view.timeline = static_cast<core::Timeline>(number_of(row[timeline]).value_or(0));
  if (view.in_recovery) {
    view.receive_lsn = number_of(row[receive_lsn]);
    view.replay_lsn = number_of(row[replay_lsn]);
    view.latest_end_lsn = number_of(row[latest_end_lsn]);
    view.wal_lsn = std::max(view.receive_lsn.value_or(0), view.replay_lsn.value_or(0));
    view.replay_paused = row[replay_paused] == "t";
    const bool archive = restore_command_configured || !row[restore_command].value_or("").empty();
    if (row[receiver_status] == "streaming") {
      view.replication_state = "streaming";
    } else if (archive) {
      view.replication_state = "in archive recovery";
    }
  } else {
    view.wal_lsn = number_of(row[current_lsn]).value_or(0);
  }
  view.replay_timestamp = python_time(row[replay_timestamp].value_or(""));
  view.postmaster_start_time = python_time(row[start_time].value_or(""));
  read_replication(view, row[replication]);
  view.sync_names = row[sync_names].value_or("");
  read_slots(view, row[slots]);
  read_pending_restart(view, row[pending_restart]);
  view.slot_keeps_at_most = number_of(row[slot_keeps_at_most]);
  view.max_wal_size = number_of(row[max_wal_size]).value_or(0);
  answer.system_identifier = row[system_identifier].value_or("");
  return answer;
}

std::string python_time(std::string_view text) {
  constexpr std::string_view no_fraction = ".000000";
  std::string result(text);
  if (const auto at = result.find(no_fraction); at != std::string::npos) result.erase(at, no_fraction.size());
  const auto sign = result.find_last_of("+-");
  if (sign != std::string::npos && sign > 10 && result.size() - sign == 3) result += ":00";
  return result;
}

}  // namespace tamada::postgres
