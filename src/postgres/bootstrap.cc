// Makes the first node of a new cluster: initdb, first start, roles, post_bootstrap. Source of the order, the grants
// and the command's environment: Patroni's documentation, "Bootstrap".
#include <unistd.h>

#include <cstdlib>

#include "core/rewind.h"
#include "net/disk.h"
#include "net/log.h"
#include "net/process.h"
#include "postgres/conninfo.h"
#include "postgres/copy_places.h"
#include "postgres/files.h"
#include "postgres/node.h"

namespace tamada::postgres {
namespace {

using namespace std::chrono_literals;

constexpr Duration setup_query_timeout = 30s;

// A file that only this user can read. The destructor removes it.
class PrivateFile {
 public:
  explicit PrivateFile(const std::string& text) {
    char name[] = "/tmp/tamada_XXXXXX";
    const int fd = ::mkstemp(name);
    if (fd < 0) return;
    path_ = name;
    if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) path_.clear();
    ::close(fd);
  }
  PrivateFile(const PrivateFile&) = delete;
  PrivateFile& operator=(const PrivateFile&) = delete;
  ~PrivateFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

awaitable<Result<void>> run_initdb(Node& node) {
  const auto& superuser = node.local.postgresql.superuser;
  const auto places = CopyPlaces::find(node.paths.data_dir, node.local.bootstrap.initdb, {}, "");
  if (!places) co_return std::unexpected(places.error());
  if (auto made = places->make_holders(); !made) co_return made;
  if (auto marked = co_await mark_incomplete(node, initdb_begun, places->beside_data_dir()); !marked) {
    log::warning("cannot mark an unfinished data directory: {}", marked.error().what);
  }
  net::SpawnOptions options{.argv = {node.paths.program("initdb")}, .capture = true};
  for (const auto& option : places->arguments()) options.argv.push_back(option);
  if (!superuser.username.empty()) options.argv.push_back("--username=" + superuser.username);
  std::optional<PrivateFile> password;
  if (!superuser.password.empty()) {
    password.emplace(superuser.password + "\n");
    if (password->path().empty()) co_return core::fail("cannot write a temporary password file");
    options.argv.push_back("--pwfile=" + password->path());
  }
  options.on_line = [](std::string_view line) { log::info("initdb: {}", line); };
  const auto done = co_await net::run(std::move(options), 0s);
  if (!done) co_return std::unexpected(done.error());
  if (!done->ok()) co_return core::fail("initdb failed: " + last_lines(done->output));
  co_return co_await net::on_disk_thread([placed = *places] { return placed.move_up(); });
}

// bootstrap.pg_hba is added to the lines of initdb, unless postgresql.pg_hba replaces all of them.
awaitable<Result<void>> add_pg_hba(Node& node) {
  const auto& lines = node.local.bootstrap.pg_hba;
  const auto server = node.configuration.server(node.data.major_version());
  if (lines.empty() || !server.pg_hba.empty() || server.parameters.contains("hba_file")) {
    co_return Result<void>();
  }
  const std::string file = node.paths.in_data_dir("pg_hba.conf");
  std::string text = read_file(file).value_or("") + "\n";
  for (const auto& line : lines) text += line + "\n";
  co_return co_await net::on_disk_thread([=] { return write_file(file, text, 0600); });
}

awaitable<Result<void>> execute(Connection& connection, std::string sql) {
  const auto done = co_await connection.query(std::move(sql), setup_query_timeout);
  if (!done) co_return std::unexpected(done.error());
  co_return Result<void>();
}

std::string role_statement(const config::Credentials& role, const std::string& options) {
  std::string with = options + " LOGIN";
  if (!role.password.empty()) with += " PASSWORD " + quote_literal(role.password);
  const auto name = quote_identifier(role.username);
  const auto body = "BEGIN SET LOCAL synchronous_commit = 'local'; PERFORM FROM pg_catalog.pg_authid WHERE rolname = " +
                    quote_literal(role.username) + "; IF FOUND THEN ALTER ROLE " + name + " WITH " + with +
                    "; ELSE CREATE ROLE " + name + " WITH " + with + "; END IF; END";
  return "DO " + quote_literal(body);
}

// Runs the statements. The server does not log them, whatever its configuration says, because they contain passwords.
// The connection is not used afterwards.
awaitable<Result<void>> create_roles(Node& node, std::vector<std::string> statements) {
  Connection connection(node.executor);
  if (auto opened = co_await node.access.open_local(connection, setup_query_timeout); !opened) co_return opened;
  for (const char* quiet :
       {"SET log_statement TO 'none'", "SET log_min_duration_statement TO -1", "SET log_min_error_statement TO 'panic'",
        "SET pg_stat_statements.track_utility TO 'off'", "SET pgaudit.log TO 'none'"}) {
    if (auto done = co_await execute(connection, quiet); !done) co_return done;
  }
  for (auto& statement : statements) {
    if (auto done = co_await execute(connection, std::move(statement)); !done) co_return done;
  }
  co_return Result<void>();
}

std::vector<std::string> member_roles(const Node& node, int version) {
  const auto& postgresql = node.local.postgresql;
  std::vector<std::string> statements{"SET synchronous_commit TO 'local'"};
  if (!postgresql.replication.username.empty()) {
    statements.push_back(role_statement(postgresql.replication, "REPLICATION"));
  }
  const auto& rewind = node.access.rewind_credentials(version);
  if (!rewind.username.empty() && rewind.username != postgresql.superuser.username) {
    statements.push_back(role_statement(rewind, ""));
    for (const auto* function : core::rewind_functions) {
      statements.push_back(core::rewind_grant(function, quote_identifier(rewind.username)));
    }
  }
  return statements;
}

awaitable<Result<void>> run_post_bootstrap(Node& node) {
  const auto& command = node.local.bootstrap.post_bootstrap;
  if (command.empty()) co_return Result<void>();
  const auto address = node.access.local_address();
  const auto& superuser = node.local.postgresql.superuser;
  Conninfo conninfo{{"dbname", node.local.postgresql.database}};
  if (!superuser.username.empty()) conninfo.emplace_back("user", superuser.username);
  conninfo.emplace_back("host", address.host);
  conninfo.emplace_back("port", address.port);
  // A password file names the host of a Unix socket "localhost".
  const PrivateFile passfile(pgpass_line("localhost", address.port, superuser) +
                             pgpass_line(address.host, address.port, superuser));
  net::SpawnOptions options{.argv = {"sh", "-c", command + " \"$1\"", "sh", format(conninfo)},
                            .env = {{"PGOPTIONS", "-c synchronous_commit=local -c statement_timeout=0"}},
                            .capture = true};
  if (!superuser.password.empty()) options.env.emplace_back("PGPASSFILE", passfile.path());
  options.on_line = [](std::string_view line) { log::info("post_bootstrap: {}", line); };
  const auto done = co_await net::run(std::move(options), 0s);
  if (!done) co_return std::unexpected(done.error());
  if (!done->ok()) {
    co_return core::fail(fmt::format("post_init script {} returned non-zero code {}", command, done->status));
  }
  co_return Result<void>();
}

awaitable<Result<void>> initialize_cluster(Node& node) {
  if (auto done = co_await run_initdb(node); !done) co_return done;
  if (auto done = co_await add_pg_hba(node); !done) co_return done;
  co_return co_await start_server(node, std::nullopt, 0s);
}

awaitable<Result<void>> steps(Node& node) {
  if (auto prepared = co_await prepare_data_directory(node, initdb_begun); !prepared) co_return prepared;
  const bool restored = node.local.bootstrap.method.has_value();
  auto made = restored ? co_await restore_cluster(node) : co_await initialize_cluster(node);
  if (!made) co_return made;
  const auto& superuser = node.local.postgresql.superuser;
  if (!superuser.username.empty() && !superuser.password.empty()) {
    if (auto done = co_await create_roles(node, {role_statement(superuser, "SUPERUSER")}); !done) co_return done;
  }
  if (auto done = co_await run_post_bootstrap(node); !done) co_return done;
  auto statements = member_roles(node, node.data.major_version());
  if (auto done = co_await create_roles(node, std::move(statements)); !done) co_return done;
  if (restored) {
    if (auto done = co_await end_restore(node); !done) co_return done;
    if (auto done = co_await add_pg_hba(node); !done) co_return done;
    node.server.reload();
  }
  co_return co_await mark_complete(node);
}

}  // namespace

awaitable<Result<void>> bootstrap_cluster(Node& node) {
  const auto look = co_await node.data.look(true, 10s);
  if (look.kind == core::DataDirectory::valid) co_return core::fail(node.paths.data_dir + " holds a cluster already");
  co_return co_await or_stop_server(node, steps(node));
}

}  // namespace tamada::postgres
