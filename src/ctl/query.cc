#include <fmt/format.h>
#include <libpq-fe.h>

#include <fstream>
#include <iterator>
#include <memory>

#include "ctl/commands.h"
#include "ctl/member_choice.h"
#include "ctl/prompt.h"
#include "ctl/terminal.h"
#include "wire/json.h"

namespace tamada::ctl {
namespace {

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

// Of pg_type: what psycopg gives back as numbers and truth values.
enum : Oid {
  bool_type = 16,
  int8_type = 20,
  int2_type = 21,
  int4_type = 23,
  oid_type = 26,
  float4_type = 700,
  float8_type = 701
};

Json value_of(const PGresult* result, int row, int column) {
  if (PQgetisnull(result, row, column) != 0) return nullptr;
  const std::string text = PQgetvalue(result, row, column);
  switch (PQftype(result, column)) {
    case bool_type:
      return text == "t";
    case int2_type:
    case int4_type:
    case int8_type:
    case oid_type:
      return std::strtoll(text.c_str(), nullptr, 10);
    case float4_type:
    case float8_type:
      return std::strtod(text.c_str(), nullptr);
    default:
      return text;
  }
}

std::string one_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  for (char& c : text) c = c == '\n' ? ' ' : c;
  return text;
}

// Patroni shows an error as a row of its own: the time, and the text.
Table failure(const std::string& text) {
  Table table;
  table.rows = {{timestamp(0), text}};
  return table;
}

Table server_failure(const PGconn* connection, const PGresult* result) {
  const char* state = result != nullptr ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  const auto message = one_line(PQerrorMessage(connection));
  if (state == nullptr) return failure("ERROR, SQLSTATE: " + message);
  fmt::print(stderr, "{}\n", message);  // Patroni's row has the state alone
  return failure(fmt::format("ERROR, SQLSTATE: {}", state));
}

Table table_of(const PGresult* result) {
  Table table;
  for (int column = 0; column < PQnfields(result); ++column) table.columns.emplace_back(PQfname(result, column));
  for (int row = 0; row < PQntuples(result); ++row) {
    auto& values = table.rows.emplace_back();
    for (int column = 0; column < PQnfields(result); ++column) values.push_back(value_of(result, row, column));
  }
  return table;
}

Connection connect(const core::Member& member, const QueryOptions& options, const std::string& password) {
  std::vector<const char*> keys = {"host", "port", "fallback_application_name", "connect_timeout"};
  const std::string port = member.port.empty() ? "5432" : member.port;
  std::vector<const char*> values = {member.host.c_str(), port.c_str(), "Patroni ctl", "5"};
  const auto add = [&](const char* key, const char* value) {
    keys.push_back(key);
    values.push_back(value);
  };
  if (options.username) add("user", options.username->c_str());
  if (options.dbname) add("dbname", options.dbname->c_str());
  if (!password.empty()) add("password", password.c_str());
  add(nullptr, nullptr);
  return {PQconnectdbParams(keys.data(), values.data(), 0), &PQfinish};
}

std::string nobody(const QueryOptions& options) {
  if (options.member) return "No connection to member " + *options.member + " is available";
  if (options.role) return "No connection to role '" + *options.role + "' is available";
  return "No connection is available";
}

// The key in etcd may be behind: the server itself says what it is.
bool fits(PGconn* connection, const std::optional<std::string>& role) {
  if (!role || *role == "any" || *role == "leader") return true;
  const Result answer(PQexec(connection, "SELECT pg_catalog.pg_is_in_recovery()"), &PQclear);
  const bool standby = PQntuples(answer.get()) != 1 || *PQgetvalue(answer.get(), 0, 0) == 't';
  return standby == (*role != "primary");
}

core::Result<Table> ask(const core::ClusterView& view, const QueryOptions& options, const std::string& sql,
                        const std::string& password) {
  const auto member = any_member(view, options);
  if (!member) return std::unexpected(member.error());
  if (!*member) return failure(nobody(options));
  const auto connection = connect(**member, options, password);
  if (PQstatus(connection.get()) != CONNECTION_OK) return server_failure(connection.get(), nullptr);
  if (!fits(connection.get(), options.role)) return failure(nobody(options));
  const Result result(PQexec(connection.get(), sql.c_str()), &PQclear);
  switch (PQresultStatus(result.get())) {
    case PGRES_TUPLES_OK:
      return table_of(result.get());
    case PGRES_COMMAND_OK: {
      Table done;
      done.rows = {{PQcmdStatus(result.get())}};
      return done;
    }
    default:
      return server_failure(connection.get(), result.get());
  }
}

core::Result<std::string> sql_of(const QueryOptions& options) {
  if (options.file && options.command) return core::fail("--file and --command are mutually exclusive options");
  if (!options.file && !options.command) return core::fail("You need to specify either --command or --file");
  if (options.command) return *options.command;
  std::ifstream in(*options.file, std::ios::binary);
  if (!in) return core::fail(*options.file + ": cannot be read");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

Done query(Session& session, const QueryOptions& options) {
  const auto sql = sql_of(options);
  if (!sql) return std::unexpected(sql.error());
  std::string password;
  if (options.password) {
    const auto given = prompt_hidden("Password");
    if (!given) return stopped();
    password = *given;
  }
  const auto cluster = session.find(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  return watching(options, false, [&]() -> Done {
    const auto table = ask(cluster->view, options, *sql, password);
    if (!table) return std::unexpected(table.error());
    echo(format_table(*table, options.format, options.delimiter));
    return {};
  });
}

}  // namespace tamada::ctl
