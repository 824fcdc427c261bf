#include "setup/running_server.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include "wire/json.h"

namespace tamada::setup {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Handle = std::unique_ptr<PGconn, decltype(&PQfinish)>;

struct Option {
  const char *keyword, *name, *variable;
  int since;
};
// libpq's keyword, the key in patroni.yml, the environment variable, and the server version from which Patroni writes
// it.
constexpr auto options = std::to_array<Option>({
    {"user", "username", "PGUSER", 0},
    {"password", "password", "PGPASSWORD", 0},
    {"sslmode", "sslmode", "PGSSLMODE", 0},
    {"sslcert", "sslcert", "PGSSLCERT", 0},
    {"sslkey", "sslkey", "PGSSLKEY", 0},
    {"sslpassword", "sslpassword", "", 130000},
    {"sslrootcert", "sslrootcert", "PGSSLROOTCERT", 0},
    {"sslcrl", "sslcrl", "PGSSLCRL", 0},
    {"sslcrldir", "sslcrldir", "PGSSLCRLDIR", 140000},
    {"gssencmode", "gssencmode", "PGGSSENCMODE", 120000},
    {"channel_binding", "channel_binding", "PGCHANNELBINDING", 130000},
    {"sslnegotiation", "sslnegotiation", "PGSSLNEGOTIATION", 170000},
});

// The settings that differ from the server's defaults, and those that the configuration needs in any case, as in
// Patroni.
constexpr const char* settings_query =
    "SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings WHERE context <> 'internal'"
    " AND source IN ('configuration file', 'command line', 'environment variable')"
    " AND category <> 'Write-Ahead Log / Recovery Target' AND setting <> '(disabled)'"
    " OR name IN ('hba_file', 'ident_file', 'config_file', 'data_directory', 'listen_addresses', 'port',"
    " 'cluster_name', 'wal_level', 'hot_standby', 'max_connections', 'max_wal_senders', 'wal_keep_segments',"
    " 'wal_keep_size', 'max_prepared_transactions', 'max_locks_per_transaction', 'track_commit_timestamp',"
    " 'max_replication_slots', 'max_worker_processes', 'wal_log_hints') ORDER BY name";

core::Result<std::map<std::string, std::string>> parse_dsn(const std::string& dsn) {
  std::map<std::string, std::string> result;
  char* error = nullptr;
  PQconninfoOption* parsed = PQconninfoParse(dsn.c_str(), &error);
  if (parsed == nullptr) {
    const std::string why = error != nullptr ? error : "out of memory";
    PQfreemem(error);
    return core::fail("--dsn: " + why);
  }
  for (const auto* option = parsed; option->keyword != nullptr; ++option) {
    if (option->val != nullptr && *option->val != '\0') result[option->keyword] = option->val;
  }
  PQconninfoFree(parsed);
  return result;
}

std::string asked_password() {
  if (::isatty(STDIN_FILENO) == 0) return "";
  const char* text = ::getpass("Please enter the user password: ");
  return text != nullptr ? text : "";
}

std::vector<std::string> lines_of(const std::string& file) {
  std::vector<std::string> result;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find_first_not_of(" \t");
    if (first == line.npos || line[first] == '#') continue;
    result.push_back(line.substr(first, line.find_last_not_of(" \t\r") + 1 - first));
  }
  return result;
}

std::string setting(const RunningServer& server, std::string_view name) {
  const auto found = std::ranges::find(server.settings, name, &std::pair<std::string, std::string>::first);
  return found == server.settings.end() ? "" : found->second;
}

// The folder of the postmaster's program. It can be found only on the server's own machine, by a user who may read the
// data directory.
core::Result<std::string> bin_dir_of(const std::string& data_dir) {
  const auto file = data_dir + "/postmaster.pid";
  std::ifstream in(file);
  int pid = 0;
  if (!(in >> pid))
    return core::fail(fmt::format("{}: cannot be read; run this where the server runs, as its user", file));
  std::error_code error;
  const auto program = fs::read_symlink(fmt::format("/proc/{}/exe", pid), error);
  if (error)
    return core::fail(fmt::format("the program of the server's process {} is not known: {}", pid, error.message()));
  return program.parent_path().string();
}

core::Result<Handle> connect(const std::string& dsn, const std::string& password) {
  std::vector<const char*> keywords = {"dbname"}, values = {dsn.c_str()};
  if (!password.empty()) {
    keywords.push_back("password");
    values.push_back(password.c_str());
  }
  for (auto* list : {&keywords, &values}) list->push_back(nullptr);
  Handle handle(PQconnectdbParams(keywords.data(), values.data(), 1), &PQfinish);
  if (PQstatus(handle.get()) != CONNECTION_OK) {
    return core::fail(fmt::format("no connection to PostgreSQL: {}", PQerrorMessage(handle.get())));
  }
  const char* superuser = PQparameterStatus(handle.get(), "is_superuser");
  if (superuser == nullptr || std::string_view(superuser) != "on") {
    return core::fail(fmt::format("{} is no superuser; allowed: a superuser of the server", PQuser(handle.get())));
  }
  return handle;
}

core::Result<void> read_settings(PGconn* connection, RunningServer& server) {
  const std::unique_ptr<PGresult, decltype(&PQclear)> rows(PQexec(connection, settings_query), &PQclear);
  if (PQresultStatus(rows.get()) != PGRES_TUPLES_OK) return core::fail(PQerrorMessage(connection));
  for (int i = 0; i < PQntuples(rows.get()); ++i) {
    server.settings.emplace_back(PQgetvalue(rows.get(), i, 0), PQgetvalue(rows.get(), i, 1));
  }
  return {};
}

}  // namespace

Json setting_json(const std::string& value) {
  const auto number = wire::integer_of(value);
  return number ? Json(*number) : Json(value);
}

core::Result<RunningServer> ask_running_server(const std::string& dsn,
                                               const std::map<std::string, std::string>& environment) {
  const auto parsed = parse_dsn(dsn);
  if (!parsed) return std::unexpected(parsed.error());
  const auto variable = [&](const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  RunningServer server;
  for (const auto& [keyword, name, pg_variable, since] : options) {
    const auto given = parsed->find(keyword);
    const auto value = given != parsed->end() ? given->second : variable(pg_variable);
    if (!value.empty()) server.superuser[name] = value;
  }
  for (const char* name : {"username", "password"}) {
    const auto own = variable(std::string("PATRONI_SUPERUSER_") + (*name == 'u' ? "USERNAME" : "PASSWORD"));
    if (!own.empty()) server.superuser.try_emplace(name, own);
  }
  if (!server.superuser.contains("password")) {
    if (auto password = asked_password(); !password.empty()) server.superuser["password"] = std::move(password);
  }
  const auto password = server.superuser.contains("password") ? server.superuser["password"] : "";
  const auto connection = connect(dsn, password);
  if (!connection) return std::unexpected(connection.error());
  server.version = PQserverVersion(connection->get());
  server.superuser.try_emplace("username", PQuser(connection->get()));
  server.superuser.try_emplace("password", "#FIXME");
  for (const auto& option : options) {
    if (server.version < option.since) server.superuser.erase(option.name);
  }
  const auto port = parsed->find("port");
  server.port = port != parsed->end() ? port->second : variable("PGPORT");
  if (auto read = read_settings(connection->get(), server); !read) return std::unexpected(read.error());

  const auto data_dir = setting(server, "data_directory");
  auto bin_dir = bin_dir_of(data_dir);
  if (!bin_dir) return std::unexpected(bin_dir.error());
  server.bin_dir = std::move(*bin_dir);
  // Files outside the data directory, as Debian has them, stay under the operator's control and are not copied.
  if (setting(server, "hba_file") == data_dir + "/pg_hba.conf") server.pg_hba = lines_of(data_dir + "/pg_hba.conf");
  if (setting(server, "ident_file") == data_dir + "/pg_ident.conf") {
    server.pg_ident = lines_of(data_dir + "/pg_ident.conf");
  }
  return server;
}

void take_over(Json& config, const RunningServer& server) {
  // Commands may contain secrets, and file names belong to one node, so these stay in the node's file.
  constexpr auto of_the_node =
      std::to_array<std::string_view>({"archive_command", "restore_command", "archive_cleanup_command",
                                       "recovery_end_command", "ssl_passphrase_command", "hba_file", "ident_file"});
  Json& postgresql = config["postgresql"];
  Json& dynamic = config["bootstrap"]["dcs"]["postgresql"]["parameters"];
  const auto data_dir = setting(server, "data_directory");
  for (const auto& [name, value] : server.settings) {
    if (name == "data_directory") {
      postgresql["data_dir"] = value;
    } else if (name == "cluster_name") {
      if (!value.empty()) config["scope"] = value;
    } else if (name == "config_file") {
      const auto folder = fs::path(value).parent_path().string();
      if (folder != data_dir) postgresql["config_dir"] = folder;
    } else if (std::ranges::find(of_the_node, name) != of_the_node.end()) {
      const bool usual = value == data_dir + (name == "hba_file" ? "/pg_hba.conf" : "/pg_ident.conf");
      if (!usual && !value.empty()) postgresql["parameters"][name] = value;
    } else if (name != "listen_addresses" && name != "port") {
      dynamic[name] = setting_json(value);
    }
  }
  config["bootstrap"]["dcs"]["postgresql"]["use_pg_rewind"] = setting(server, "wal_log_hints") == "on";
  const auto port = setting(server, "port");
  const auto given = wire::text_at(postgresql, "connect_address");
  postgresql["connect_address"] = given.substr(0, given.rfind(':')) + ":" + (server.port.empty() ? port : server.port);
  postgresql["listen"] = setting(server, "listen_addresses") + ":" + port;
  postgresql["bin_dir"] = server.bin_dir;
  postgresql["authentication"] = {{"superuser", server.superuser},
                                  {"replication", {{"username", "#FIXME"}, {"password", "#FIXME"}}}};
  if (!server.pg_hba.empty()) postgresql["pg_hba"] = server.pg_hba;
  if (!server.pg_ident.empty()) postgresql["pg_ident"] = server.pg_ident;
}

}  // namespace tamada::setup
