// Reads everything that a decision needs from the running server in one round trip.
#pragma once

#include <string>

#include "core/postgres_view.h"
#include "postgres/connection.h"

namespace tamada::postgres {

std::string sql_view_query(int server_version);

struct ServerAnswer {
  core::SqlView view;
  std::string system_identifier;
};
// row: the answer to sql_view_query.
core::Result<ServerAnswer> read_sql_view(const Row& row, bool restore_command_configured);

// A transaction ID as SQL prints it.
std::optional<core::Xid> parse_xid(std::string_view text);

// A time of SQL, "2026-11-22 22:25:03.912866+00", as Python's str() prints it: "2026-11-22 22:25:03.912866+00:00".
std::string python_time(std::string_view text);

}  // namespace tamada::postgres
