#include <fmt/format.h>

#include "ctl/commands.h"
#include "ctl/member_choice.h"
#include "ctl/prompt.h"
#include "ctl/sql.h"
#include "ctl/terminal.h"
#include "net/files.h"

namespace tamada::ctl {
namespace {

struct Reply {
  Table table;
  bool failed = false;
};

// As in Patroni, an error is shown as a row with the time and the text.
Reply failure(const std::string& text) {
  Reply reply{.failed = true};
  reply.table.rows = {{timestamp(0), text}};
  return reply;
}

Reply server_failure(const PGconn* connection, const PGresult* result) {
  const char* state = result != nullptr ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  const auto message = message_of(connection);
  if (state == nullptr) return failure("ERROR, SQLSTATE: " + message);
  fmt::print(stderr, "{}\n", message);  // the row has only the state, as in Patroni
  return failure(fmt::format("ERROR, SQLSTATE: {}", state));
}

std::string nobody(const QueryOptions& options) {
  if (options.member) return "No connection to member " + *options.member + " is available";
  if (options.role) return "No connection to role '" + *options.role + "' is available";
  return "No connection is available";
}

// Whether the server has the role. The server itself is asked, because its key in etcd may be outdated.
bool fits(PGconn* connection, const std::optional<std::string>& role) {
  if (!role || *role == "any" || *role == "leader") return true;
  const SqlResult answer(PQexec(connection, "SELECT pg_catalog.pg_is_in_recovery()"), &PQclear);
  const bool standby = PQntuples(answer.get()) != 1 || *PQgetvalue(answer.get(), 0, 0) == 't';
  return standby == (*role != "primary");
}

core::Result<Reply> ask(const core::ClusterView& view, const QueryOptions& options, const std::string& sql,
                        const SqlLogin& login) {
  const auto member = any_member(view, options);
  if (!member) return std::unexpected(member.error());
  if (!*member) return failure(nobody(options));
  const auto connection = connect_sql(**member, login);
  if (PQstatus(connection.get()) != CONNECTION_OK) return server_failure(connection.get(), nullptr);
  if (!fits(connection.get(), options.role)) return failure(nobody(options));
  const SqlResult result(PQexec(connection.get(), sql.c_str()), &PQclear);
  switch (PQresultStatus(result.get())) {
    case PGRES_TUPLES_OK:
      return Reply{.table = table_of(result.get())};
    case PGRES_COMMAND_OK: {
      Reply done;
      done.table.rows = {{PQcmdStatus(result.get())}};
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
  if (auto text = net::read_file(*options.file)) return std::move(*text);
  return core::fail(*options.file + ": cannot be read");
}

}  // namespace

Done query(Session& session, const QueryOptions& options) {
  const auto sql = sql_of(options);
  if (!sql) return std::unexpected(sql.error());
  SqlLogin login{.username = options.username.value_or(""), .password = "", .dbname = options.dbname.value_or("")};
  if (options.password) {
    const auto given = prompt_hidden("Password");
    if (!given) return stopped();
    login.password = *given;
  }
  const auto cluster = session.find(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  bool failed = false;
  auto done = watching(options, [&]() -> Done {
    const auto reply = ask(cluster->view, options, *sql, login);
    if (!reply) return std::unexpected(reply.error());
    echo(format_table(reply->table, options.format, options.delimiter));
    failed = reply->failed;  // with --watch the loop goes on, because the server may come back
    return {};
  });
  return done && failed ? failure_told() : done;
}

}  // namespace tamada::ctl
