#include <fmt/format.h>

#include "config/effective.h"
#include "core/rewind.h"
#include "postgres/node.h"
#include "preflight/preflight.h"

namespace tamada::preflight {
namespace {

using namespace std::chrono_literals;
using postgres::Connection;
constexpr auto server_timeout = 5s;
constexpr auto replacement_timeout = 60s;  // the check opens every file

std::string name_of(const config::Credentials& user) { return user.username.empty() ? "(no name)" : user.username; }

// Explains why the server refused the connection, and what to do about it.
Finding refused(const std::string& what, const config::Credentials& user, const std::string& options,
                const std::string& hba_line, const std::string& message) {
  std::string remedy = "see the server's log";
  if (message.contains("password authentication failed") || message.contains("no password supplied")) {
    remedy = fmt::format(
        "make the user, or give it the password that the file has: CREATE USER {0}{1} PASSWORD '...'; or ALTER USER "
        "{0} "
        "PASSWORD '...'",
        name_of(user), options);
  } else if (message.contains("does not exist")) {
    remedy = fmt::format("CREATE USER {}{} PASSWORD '...'", name_of(user), options);
  } else if (message.contains("pg_hba.conf")) {
    remedy = fmt::format("add to pg_hba.conf, and reload: {}", hba_line);
  } else if (message.contains("replication") ||
             message.contains("WAL sender")) {  // the text up to PostgreSQL 15, and since 16
    remedy = fmt::format("ALTER USER {} WITH REPLICATION", name_of(user));
  }
  return error(what + ": " + message, remedy);
}

core::Upstream ourselves(const config::Local& local) {
  core::Upstream self;
  self.host = local.postgresql.connect_host;
  self.port = local.postgresql.connect_port;
  self.conn_url = local.postgresql.url(self.host + ":" + self.port);
  return self;
}

awaitable<Finding> check_replication(const postgres::Node& node) {
  const auto user = node.local.postgresql.replication;
  Connection connection(node.executor);
  auto self = ourselves(node.local);
  const std::string what = fmt::format("replication user {} at {}:{}", name_of(user), self.host, self.port);
  const auto opened = co_await node.access.open_remote(connection, self, user, true, server_timeout);
  if (opened) co_return good(what + " may replicate");
  co_return refused(what, user, " WITH REPLICATION",
                    fmt::format("host replication {} 0.0.0.0/0 scram-sha-256", name_of(user)), opened.error().what);
}

awaitable<Findings> check_rewind(const postgres::Node& node, int version) {
  const auto user = node.access.rewind_credentials(version);
  Connection connection(node.executor);
  auto self = ourselves(node.local);
  const std::string what = fmt::format("user {} of pg_rewind at {}:{}", name_of(user), self.host, self.port);
  const auto opened = co_await node.access.open_remote(connection, self, user, false, server_timeout);
  if (!opened) {
    co_return Findings{refused(what, user, " WITH", fmt::format("host all {} 0.0.0.0/0 scram-sha-256", name_of(user)),
                               opened.error().what)};
  }
  Findings findings;
  for (const char* function : core::rewind_functions) {
    const auto rows = co_await connection.query(
        fmt::format("SELECT pg_catalog.has_function_privilege('pg_catalog.{}', 'EXECUTE')", function), server_timeout);
    if (rows && !rows->empty() && rows->front().front() == "t") continue;
    findings.push_back(
        error(fmt::format("{} may not call {}", what, function), core::rewind_grant(function, name_of(user))));
  }
  if (findings.empty()) findings.push_back(good(what + " may do what pg_rewind needs"));
  co_return findings;
}

enum Column : std::size_t { checksums, hints, config_file, wal_level };
constexpr auto question =
    "SELECT current_setting('data_checksums'), current_setting('wal_log_hints'), current_setting('config_file'), "
    "current_setting('wal_level')";

Findings judge(const postgres::Node& node, const postgres::Row& row, bool rewinds) {
  Findings findings;
  if (const auto file = row[config_file].value_or(""); file != node.paths.conf) {
    findings.push_back(error(fmt::format("the server reads {}, the daemon would write {}", file, node.paths.conf),
                             "set postgresql.config_dir to the folder of the file that the server reads"));
  }
  if (row[wal_level] == "minimal") {
    findings.push_back(
        error("wal_level is minimal, so no standby can replicate", "set wal_level to replica, and restart"));
  }
  if (rewinds && row[checksums] != "on" && row[hints] != "on") {
    findings.push_back(warning("neither data checksums nor wal_log_hints: pg_rewind is not possible yet",
                               "the daemon turns wal_log_hints on; it takes effect with the next restart of PostgreSQL "
                               "(tamadactl restart)"));
  }
  return findings;
}

awaitable<Findings> check_hba(Connection& connection) {
  Findings findings;
  const auto rows = co_await connection.query(
      "SELECT line_number, error FROM pg_catalog.pg_hba_file_rules WHERE error IS NOT NULL", server_timeout);
  if (!rows) co_return findings;
  for (const auto& row : *rows) {
    findings.push_back(error(fmt::format("pg_hba.conf, line {}: {}", row[0].value_or("?"), row[1].value_or("")),
                             "correct the line, and reload; otherwise the next reload changes nothing"));
  }
  co_return findings;
}

// Checks of settings that only a superuser may read.
awaitable<Findings> check_settings(const postgres::Node& node, Connection& connection, bool rewinds) {
  const auto rows = co_await connection.query(question, server_timeout);
  if (!rows || rows->size() != 1) {
    co_return Findings{
        error(rows ? "the server does not tell its settings" : rows.error().what, "see the server's log")};
  }
  auto findings = judge(node, rows->front(), rewinds);
  for (auto& finding : co_await check_hba(connection)) findings.push_back(std::move(finding));
  co_return findings;
}

awaitable<void> check_running(const postgres::Node& node, Server& server) {
  Connection connection(node.executor);
  const auto& user = node.local.postgresql.superuser;
  auto& findings = server.findings;
  const auto add = [&findings](Findings more) { findings.insert(findings.end(), more.begin(), more.end()); };
  const auto address = node.access.local_address();
  const std::string what = fmt::format("superuser {} at {}:{}", name_of(user), address.host, address.port);
  const auto& dcs = node.local.bootstrap.dcs;
  const bool rewinds =
      config::settings(node.local, dcs.is_object() ? dcs : config::Json::object(), nullptr).use_pg_rewind;
  if (const auto opened = co_await node.access.open_local(connection, server_timeout); !opened) {
    const std::string line = address.is_socket() ? fmt::format("local all {} scram-sha-256", name_of(user))
                                                 : fmt::format("host all {} 127.0.0.1/32 scram-sha-256", name_of(user));
    findings.push_back(refused(what, user, " WITH SUPERUSER", line, opened.error().what));
  } else {
    const auto rows = co_await connection.query(
        "SELECT pg_catalog.pg_is_in_recovery(), rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user",
        server_timeout);
    const bool told = rows && rows->size() == 1;
    const bool superuser = told && rows->front()[1] == "t";
    if (superuser) {
      findings.push_back(
          good(fmt::format("PostgreSQL {} runs here as a {}, and lets {} in", connection.server_version() / 10000,
                           rows->front()[0] == "t" ? "standby" : "primary", what)));
      add(co_await check_settings(node, connection, rewinds));
    } else {
      findings.push_back(error(what + (told ? " is none" : ": the server does not answer"),
                               fmt::format("ALTER USER {} WITH SUPERUSER", name_of(user))));
    }
  }
  findings.push_back(co_await check_replication(node));
  if (rewinds) add(co_await check_rewind(node, node.data.major_version()));
}

// Whether a fresh copy could be made here. An operator should know it before a copy is needed.
awaitable<Finding> check_replacement(const postgres::Node& node) {
  const bool kept = node.local.postgresql.keep_replaced_data;
  const auto obstacle = co_await node.data.obstacle_to_replacing(kept, replacement_timeout);
  if (!obstacle.empty()) {
    co_return warning(obstacle,
                      kept ? "make room, or set postgresql.keep_replaced_data to false: the data are then removed "
                             "before a copy begins, as Patroni does"
                           : "a fresh copy of this node will not be possible until then");
  }
  co_return good(kept ? "a fresh copy has room beside the data that it would replace"
                      : "a fresh copy would begin with removing the data: postgresql.keep_replaced_data is off");
}

void judge_stopped(const postgres::Node& node, core::DataDirectory kind, Server& server) {
  switch (kind) {
    case core::DataDirectory::absent:
      server.findings.push_back(good("no data here yet"));
      break;
    case core::DataDirectory::valid:
      server.findings.push_back(warning(
          "PostgreSQL does not run here: users, pg_hba.conf and settings were not checked",
          "start it, and check again; this is not necessary if it is going to be a standby of a running cluster"));
      break;
    case core::DataDirectory::incomplete:
      server.findings.push_back(warning("the data directory is an unfinished copy", "it will be copied again"));
      break;
    case core::DataDirectory::half_rewound:
      server.findings.push_back(error(
          "the data directory is half rewound: pg_rewind was interrupted, or failed, while it was changing it",
          "run reinit on this member, or set postgresql.remove_data_directory_on_rewind_failure, for a fresh copy"));
      break;
    case core::DataDirectory::unusable:
      server.findings.push_back(
          error(node.paths.data_dir + " is not empty, and holds no readable cluster",
                "move what is in it away, or set postgresql.data_dir or postgresql.bin_dir right"));
      break;
  }
}

}  // namespace

awaitable<Server> check_server(asio::any_io_executor executor, const config::Local& local) {
  static const config::Json none = config::Json::object();
  postgres::Node node(executor, local, []() -> const config::Json& { return none; });
  Server server;
  server.running = postgres::Postmaster::find(executor, node.paths.data_dir) != nullptr;
  const auto look = co_await node.data.look(true, server_timeout);
  if (look.control) server.system_identifier = look.control->file.system_identifier;
  if (look.kind == core::DataDirectory::valid) server.findings.push_back(co_await check_replacement(node));
  if (server.running) {
    co_await check_running(node, server);
  } else {
    judge_stopped(node, look.kind, server);
  }
  co_return server;
}

}  // namespace tamada::preflight
