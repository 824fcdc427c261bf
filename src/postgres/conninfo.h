// Connection strings of libpq, password files, and quoting for SQL.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/sections/credentials.h"
#include "core/postgres_view.h"

namespace tamada::postgres {

using Conninfo = std::vector<std::pair<std::string, std::string>>;

// The user and the TLS settings, without the password and without parameters that `server_version` does not know.
Conninfo authentication(const config::Credentials& credentials, int server_version);

// The connection to another member: dbname, user, host, port, TLS, in the order in which Patroni writes them.
// `passfile` and `application_name` are added if they are not empty.
Conninfo to_upstream(const core::Upstream& upstream, const config::Credentials& credentials, int server_version,
                     const std::string& passfile, const std::string& application_name);

// The text key=value key=value, with values escaped as libpq reads them.
std::string format(const Conninfo& conninfo);

// The database in postgres://host:port/database; "postgres" when there is none.
std::string database_of(std::string_view conn_url);

// The pairs of host and port in libpq's lists: "a,b" and "5432" or "5432,5433".
std::vector<std::pair<std::string, std::string>> hosts_and_ports(const std::string& hosts, const std::string& ports);

// The lines of a password file, one for each host of a list. Empty without a password, and also if a field has a line
// break, which a password file cannot express.
std::string pgpass_line(const std::string& host, const std::string& port, const config::Credentials& credentials);

std::string quote_literal(std::string_view text);
std::string quote_identifier(std::string_view text);

}  // namespace tamada::postgres
