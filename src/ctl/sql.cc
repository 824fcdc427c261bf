#include "ctl/sql.h"

#include <cstdlib>

namespace tamada::ctl {
namespace {

// The types that psycopg returns as numbers and booleans.
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
      return static_cast<std::int64_t>(std::strtoll(text.c_str(), nullptr, 10));
    case float4_type:
    case float8_type:
      return std::strtod(text.c_str(), nullptr);
    default:
      return text;
  }
}

}  // namespace

SqlConnection connect_sql(const core::Member& member, const SqlLogin& login) {
  const std::string port = member.port.empty() ? "5432" : member.port;
  std::vector<const char*> keys, values;
  const auto add = [&](const char* key, const std::string& value) {
    if (value.empty()) return;
    keys.push_back(key);
    values.push_back(value.c_str());
  };
  const std::string name = "Patroni ctl", timeout = "5";
  add("host", member.host);
  add("port", port);
  add("fallback_application_name", name);
  add("connect_timeout", timeout);
  add("user", login.username);
  add("password", login.password);
  add("dbname", login.dbname);
  keys.push_back(nullptr);
  values.push_back(nullptr);
  return {PQconnectdbParams(keys.data(), values.data(), 0), &PQfinish};
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

std::string message_of(const PGconn* connection) {
  std::string text = PQerrorMessage(connection);
  while (text.ends_with('\n')) text.pop_back();
  for (char& c : text) c = c == '\n' ? ' ' : c;
  return text;
}

core::Result<Table> run_sql(const core::Member& member, const SqlLogin& login, const std::string& sql) {
  const auto connection = connect_sql(member, login);
  if (PQstatus(connection.get()) != CONNECTION_OK) return core::fail(message_of(connection.get()));
  const SqlResult result(PQexec(connection.get(), sql.c_str()), &PQclear);
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) return core::fail(message_of(connection.get()));
  return table_of(result.get());
}

}  // namespace tamada::ctl
