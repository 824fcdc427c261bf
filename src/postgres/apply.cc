// Applies new settings to a running server: logs the changes, writes the files, and reloads the server if something
// changed.
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "config/parameter.h"
#include "core/server_features.h"
#include "net/disk.h"
#include "net/log.h"
#include "net/process.h"
#include "postgres/files.h"
#include "postgres/node.h"

namespace tamada::postgres {
namespace {

using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

constexpr Duration write_patience = 1s;
constexpr auto too_slow =
    "the disk has not written the configuration files within 1 s; they are loaded as soon as it has";

struct SettingColumn {
  enum : std::size_t { name, lower_name, setting, unit, vartype, context };
};

// Logs a line for each parameter that changes for the server, in Patroni's words.
void tell_changes(const config::ServerConfiguration& wanted, const Rows& settings) {
  auto parameters = wanted.parameters;
  for (const auto& [parameter, value] : wanted.command_line) parameters[parameter] = value;
  for (const auto& [parameter, value] : parameters) {
    const auto row = std::ranges::find_if(settings, [&](const Row& r) { return r[SettingColumn::name] == parameter; });
    if (row == settings.end() || (*row)[SettingColumn::context] == "internal") continue;
    const auto type = config::parameter_type((*row)[SettingColumn::vartype].value_or(""));
    const auto in = (*row)[SettingColumn::unit].value_or(""), now = (*row)[SettingColumn::setting].value_or("");
    if (config::same_value(type, in, now, value)) continue;
    log::info("Changed {} from '{}' to '{}'{}", parameter, config::readable_value(type, in, now), value,
              (*row)[SettingColumn::context] == "postmaster" ? " (restart might be required)" : "");
  }
}

// Asks the server which parameters it knows. Without an answer, the daemon's own table is used.
awaitable<void> ask_settings(Node& node, int version) {
  Connection connection(node.executor);
  if (const auto opened = co_await node.access.open_local(connection, query_timeout); !opened) co_return;
  const auto rows = co_await connection.query(
      "SELECT name, pg_catalog.lower(name), setting, unit, vartype, context FROM pg_catalog.pg_settings",
      query_timeout);
  if (!rows) co_return;
  std::set<std::string> known;
  for (const auto& row : *rows) known.insert(row[SettingColumn::lower_name].value_or(""));
  node.configuration.known_to_server(std::move(known));
  tell_changes(node.configuration.server(version), *rows);
}

struct AccessFiles {
  std::optional<std::string> hba, ident;
  bool operator==(const AccessFiles&) const = default;
};

AccessFiles access_files(const Paths& paths) { return {read_file(paths.hba), read_file(paths.ident)}; }

core::Result<void> put_back(const Paths& paths, const AccessFiles& before) {
  for (const auto& [path, text] : {std::pair(&paths.hba, &before.hba), std::pair(&paths.ident, &before.ident)}) {
    struct stat status{};
    if (!*text || ::stat(path->c_str(), &status) != 0) continue;
    if (auto written = write_file(*path, **text, status.st_mode & 07777); !written) return written;
  }
  return {};
}

// The mistakes in the access files, as two views of the server show them. These views read the present files, while the
// server uses what it last loaded.
awaitable<std::string> mistakes_in_access_files(Node& node, int version) {
  if (!core::features::shows_hba_mistakes(version)) co_return "";
  Connection connection(node.executor);
  if (const auto opened = co_await node.access.open_local(connection, query_timeout); !opened) co_return "";
  std::string query =
      "SELECT 'pg_hba.conf line ' || line_number || ': ' || error FROM pg_catalog.pg_hba_file_rules WHERE error IS NOT "
      "NULL";
  if (core::features::shows_ident_mistakes(version)) {
    query +=
        " UNION ALL SELECT 'pg_ident.conf line ' || line_number || ': ' || error FROM "
        "pg_catalog.pg_ident_file_mappings WHERE error IS NOT NULL";
  }
  const auto rows = co_await connection.query(query, query_timeout);
  std::string text;
  for (const auto& row : rows ? *rows : Rows()) text += (text.empty() ? "" : "; ") + row[0].value_or("");
  co_return text;
}

// Finds parameters in our files whose values the server refuses: the server goes on with the old values, and would not
// start again. For a parameter that waits for a restart, the server cannot tell this before the restart.
awaitable<bool> refuse_bad_parameters(Node& node, const Parameters& before) {
  Connection connection(node.executor);
  if (const auto opened = co_await node.access.open_local(connection, query_timeout); !opened) co_return false;
  const auto rows = co_await connection.query(
      "SELECT f.name, f.sourceline, f.error FROM pg_catalog.pg_file_settings f JOIN pg_catalog.pg_settings s ON "
      "pg_catalog.lower(s.name) = pg_catalog.lower(f.name) WHERE f.error IS NOT NULL AND s.context NOT IN "
      "('postmaster', "
      "'internal') AND f.sourcefile = pg_catalog.current_setting('config_file')",
      query_timeout);
  if (!rows || rows->empty()) co_return false;
  const auto now = parameters_in(read_file(node.paths.conf).value_or(""));
  bool refused = false;
  for (const auto& row : *rows) {
    const auto value = now.find(row[0].value_or(""));
    if (value == now.end()) continue;
    const auto old = before.find(value->first);
    auto why = fmt::format("PostgreSQL does not accept {} = '{}' (postgresql.conf line {}: {})", value->first,
                           value->second, row[1].value_or(""), row[2].value_or(""));
    why += old == before.end() || old->second == value->second ? "; its default is used"
                                                               : fmt::format("; '{}' is kept", old->second);
    log::error("{}, until the configuration has another value", why);
    node.configuration.refuse_parameter(value->first, value->second,
                                        old == before.end() ? std::nullopt : std::optional(old->second), why);
    refused = true;
  }
  co_return refused;
}

// If a file does not parse, the server goes on with the old contents and would not start again.
awaitable<Result<void>> keep_good_access_files(Node& node, int version, const AccessFiles& before) {
  if (access_files(node.paths) == before) co_return Result<void>();
  const auto mistakes = co_await mistakes_in_access_files(node, version);
  if (mistakes.empty()) co_return Result<void>();
  log::error("{}; the previous files are kept until the configuration changes", mistakes);
  node.configuration.refuse_access_files(version, mistakes);
  co_return co_await net::on_disk_thread([paths = node.paths, before] { return put_back(paths, before); });
}

}  // namespace

// Asks the program postgres which parameters it knows, because a minor release or a fork may know more than our table.
// A parameter that it does not know would prevent the server's start.
awaitable<void> learn_parameters(Node& node, int server_version) {
  if (!node.configuration.has_unknown_names(server_version)) co_return;
  std::set<std::string> known;
  net::SpawnOptions options{.argv = {node.paths.program("postgres"), "--describe-config"}, .capture = true};
  options.on_line = [&known](std::string_view line) {
    std::string name(line.substr(0, line.find('\t')));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    known.insert(std::move(name));
  };
  const auto done = co_await net::run(std::move(options), query_timeout);
  if (done && done->ok()) node.configuration.known_to_server(std::move(known));
}

awaitable<Result<bool>> write_soon(Node& node, awaitable<Result<bool>> write) {
  auto& slow = node.slow_write;
  const auto deadline = std::chrono::steady_clock::now() + write_patience;
  const auto wait = [&]() -> awaitable<void> {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (slow.running) co_await (slow.ended.wait() || pause(std::max<Duration>(left, 1ms)));
  };
  co_await wait();  // waits for the last write
  if (slow.running) co_return core::fail(too_slow);
  slow.running = true;
  slow.waited_for = true;
  asio::co_spawn(node.executor, std::move(write), [&node](std::exception_ptr thrown, Result<bool> result) {
    auto& ended = node.slow_write;
    ended.running = false;
    ended.result = thrown ? core::fail("cancelled") : std::move(result);
    if (!ended.waited_for && ended.result && *ended.result) node.load_files();
    ended.ended.notify();
  });
  co_await wait();
  slow.waited_for = false;
  if (slow.running) co_return core::fail(too_slow);
  co_return slow.result;
}

awaitable<Result<bool>> apply_configuration(Node& node, bool asked) {
  const int version = node.data.major_version();
  if (version == 0 || node.data.incomplete() || !node.server.current()) co_return false;
  co_await ask_settings(node, version);
  const auto access_before = access_files(node.paths);
  const auto parameters_before = parameters_in(read_file(node.paths.conf).value_or(""));
  const auto write = [&] {
    return write_soon(node, node.data.standby_signal() ? node.configuration.write_standby_again(version)
                                                       : node.configuration.write_primary(version));
  };
  auto changed = co_await write();
  if (changed && *changed && co_await refuse_bad_parameters(node, parameters_before)) changed = co_await write();
  if (!changed) {
    node.files_are_loaded = false;  // some files may have been written
    co_return std::unexpected(changed.error());
  }
  const bool reload = *changed || asked || !node.files_are_loaded;
  if (reload) {
    if (auto kept = co_await keep_good_access_files(node, version, access_before); !kept) {
      co_return std::unexpected(kept.error());
    }
    log::info("Reloading PostgreSQL configuration.");
    node.load_files();
  } else {
    log::info("No PostgreSQL configuration items changed, nothing to reload.");
  }
  co_return reload;
}

}  // namespace tamada::postgres
