// Runs SQL on a member's server through libpq; the calls block.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>

#include "core/cluster_view.h"
#include "ctl/output.h"

namespace tamada::ctl {

struct SqlLogin {
  std::string username, password, dbname;  // empty: libpq's defaults (PGUSER, ~/.pgpass ...)
};
using SqlConnection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using SqlResult = std::unique_ptr<PGresult, decltype(&PQclear)>;

SqlConnection connect_sql(const core::Member& member, const SqlLogin& login);  // PQstatus tells whether the connection
                                                                               // was made
Table table_of(const PGresult* result);                                        // numbers and booleans keep their types
std::string message_of(const PGconn* connection);                              // the text of its last error, on one
                                                                               // line

core::Result<Table> run_sql(const core::Member& member, const SqlLogin& login, const std::string& sql);

}  // namespace tamada::ctl
