// Reads what pg_controldata tells about a data directory.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/postgres_view.h"

namespace tamada::postgres {

// The sizes of this cluster's WAL files and pages, which are set by initdb --wal-segsize and by ./configure
// --with-wal-blocksize.
struct WalFormat {
  core::Lsn segment_size = 0, page_size = 0;  // in bytes; 0 when not known
  bool known() const { return segment_size != 0 && page_size != 0; }
};

struct ControlData {
  core::ControlFile file;
  // Settings of the last primary below which a standby must not go ("max_connections" ...). Source: PostgreSQL, "Hot
  // Standby", section "Administrator's Overview".
  std::map<std::string, int> minimum_settings;
  WalFormat wal;
  std::string redo_wal_file;  // the segment of the latest checkpoint's redo position
};

// Reads the output of pg_controldata under LC_ALL=C; nullopt when it lacks the system identifier or the state.
std::optional<ControlData> parse_controldata(std::string_view output);

// Reads only the state, from the first bytes of global/pg_control, which takes less time than starting pg_controldata.
// The layout of these bytes (DBState in PostgreSQL's pg_control.h) is the same in all versions from 10 on. nullopt when
// it cannot be read.
std::optional<core::ControlState> parse_control_state(std::string_view pg_control);

}  // namespace tamada::postgres
