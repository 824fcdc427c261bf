#include "postgres/controldata.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <utility>

namespace tamada::postgres {
namespace {

using core::ControlState;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

ControlState state_of(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, ControlState>, 7> states{{
      {"starting up", ControlState::starting_up},
      {"shut down", ControlState::shut_down},
      {"shut down in recovery", ControlState::shut_down_in_recovery},
      {"shutting down", ControlState::shutting_down},
      {"in crash recovery", ControlState::in_crash_recovery},
      {"in archive recovery", ControlState::in_archive_recovery},
      {"in production", ControlState::in_production},
  }};
  for (const auto& [name, state] : states) {
    if (text == name) return state;
  }
  return ControlState::unknown;
}

template <class T>
T number(std::string_view text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void take_setting(ControlData& data, std::string_view label, std::string_view value) {
  static constexpr std::array<std::pair<std::string_view, const char*>, 5> settings{{
      {"max_connections setting", "max_connections"},
      {"max_worker_processes setting", "max_worker_processes"},
      {"max_wal_senders setting", "max_wal_senders"},
      {"max_prepared_xacts setting", "max_prepared_transactions"},
      {"max_locks_per_xact setting", "max_locks_per_transaction"},
  }};
  for (const auto& [name, setting] : settings) {
    if (label == name) data.minimum_settings[setting] = number<int>(value);
  }
}

void take(ControlData& data, std::string_view label, std::string_view value) {
  auto& file = data.file;
  const auto lsn = [value] { return core::parse_lsn(value).value_or(0); };
  if (label == "Database system identifier") {
    file.system_identifier = value;
  } else if (label == "Database cluster state") {
    file.state = state_of(value);
  } else if (label == "Latest checkpoint location") {
    file.checkpoint = lsn();
  } else if (label == "Latest checkpoint's REDO location") {
    file.redo = lsn();
  } else if (label == "Latest checkpoint's REDO WAL file") {
    data.redo_wal_file = value;
  } else if (label == "Latest checkpoint's TimeLineID") {
    file.timeline = number<core::Timeline>(value);
  } else if (label == "Minimum recovery ending location") {
    file.min_recovery_end = lsn();
  } else if (label == "Min recovery ending loc's timeline") {
    file.min_recovery_timeline = number<core::Timeline>(value);
  } else if (label == "Bytes per WAL segment") {
    data.wal.segment_size = number<core::Lsn>(value);
  } else if (label == "WAL block size") {
    data.wal.page_size = number<core::Lsn>(value);
  } else if (label == "Data page checksum version") {
    file.data_checksums = value != "0";
  } else if (label == "wal_log_hints setting") {
    file.wal_log_hints = value == "on";
  } else {
    take_setting(data, label, value);
  }
}

}  // namespace

std::optional<ControlData> parse_controldata(std::string_view output) {
  ControlData data;
  while (!output.empty()) {
    const auto line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(output.size(), line.size() + 1));
    const auto colon = line.find(':');
    if (colon != std::string_view::npos) take(data, trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
  if (data.file.system_identifier.empty() || data.file.state == ControlState::unknown) return std::nullopt;
  return data;
}

std::optional<ControlState> parse_control_state(std::string_view pg_control) {
  struct Head {
    std::uint64_t system_identifier;
    std::uint32_t control_version, catalog_version;
    std::uint32_t state;
  } head{};
  if (pg_control.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, pg_control.data(), sizeof head);
  // The number is 1002 in PostgreSQL 10, and higher in later versions.
  if (head.control_version < 900 || head.control_version > 9999) return std::nullopt;
  static constexpr std::array states{ControlState::starting_up,           ControlState::shut_down,
                                     ControlState::shut_down_in_recovery, ControlState::shutting_down,
                                     ControlState::in_crash_recovery,     ControlState::in_archive_recovery,
                                     ControlState::in_production};
  return head.state < states.size() ? std::optional(states[head.state]) : std::nullopt;
}

}  // namespace tamada::postgres
