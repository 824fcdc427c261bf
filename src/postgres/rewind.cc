// Runs pg_rewind, which makes a former primary, or a standby that went too far, a part of another server's history
// again. Source: PostgreSQL, pg_rewind's reference page; Patroni's documentation of use_pg_rewind.
#include "core/rewind.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "core/server_features.h"
#include "net/disk.h"
#include "net/log.h"
#include "net/process.h"
#include "postgres/conninfo.h"
#include "postgres/files.h"
#include "postgres/node.h"
#include "postgres/outside.h"

namespace tamada::postgres {
namespace {

using namespace std::chrono_literals;

constexpr Duration rewind_query_timeout = 10s;

std::vector<std::pair<std::string, std::string>> rewind_environment(const std::string& passfile) {
  std::vector<std::pair<std::string, std::string>> result{
      {"LC_ALL", "C"}, {"LANG", "C"}, {"PGOPTIONS", "-c statement_timeout=0"}};
  if (!passfile.empty()) result.emplace_back("PGPASSFILE", passfile);
  return result;
}

// Checks the grants before, because without them pg_rewind fails only when it lists the source's files.
awaitable<Result<void>> check_grants(Connection& connection, std::string member) {
  const auto rows = co_await connection.query(core::rewind_functions_missing("current_user"), rewind_query_timeout);
  if (!rows) co_return std::unexpected(rows.error());
  if (rows->empty()) co_return Result<void>();
  const auto user = co_await connection.query("SELECT pg_catalog.quote_ident(current_user)", rewind_query_timeout);
  if (!user) co_return std::unexpected(user.error());
  const auto name = user->front().front().value_or("");
  std::string grants;
  for (const auto& row : *rows)
    grants += (grants.empty() ? "" : "; ") + core::rewind_grant(row.front().value_or(""), name);
  co_return core::fail("the user " + name + " of pg_rewind lacks rights on " + member + ": " + grants);
}

// Checks that the source's control file has its new timeline. Otherwise pg_rewind would find nothing to do.
awaitable<Result<void>> check_source(Node& node, core::Upstream source, config::Credentials credentials) {
  Connection connection(node.executor);
  if (auto opened = co_await node.access.open_remote(connection, source, credentials, false, rewind_query_timeout);
      !opened) {
    co_return opened;
  }
  if (auto allowed = co_await check_grants(connection, source.member); !allowed) co_return allowed;
  const std::string question =
      "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'recovery' WHEN timeline_id = ('x' || pg_catalog.substr("
      "pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int THEN 'ready' ELSE 'early' END"
      " FROM pg_catalog.pg_control_checkpoint()";
  const auto rows = co_await connection.query(question, rewind_query_timeout);
  if (!rows) co_return std::unexpected(rows.error());
  const auto answer = rows->empty() ? std::string() : rows->front().front().value_or("");
  if (answer == "ready") co_return Result<void>();
  if (answer == "recovery") co_return core::fail(source.member + " is in recovery: no source for pg_rewind");
  if (credentials.username == node.local.postgresql.superuser.username) {
    const auto done = co_await connection.query("CHECKPOINT", 60s);
    if (!done) co_return std::unexpected(done.error());
    co_return Result<void>();
  }
  co_return core::fail(source.member + " has made no checkpoint since its promotion; waiting for it before pg_rewind");
}

// Makes a commit on the source. The rewound server accepts connections only when it is consistent, that is, when it has
// replayed all WAL that the source had inserted by the end of pg_rewind. An idle source flushes and sends that WAL only
// with its next commit. If this fails, it only takes longer, until the source logs its next snapshot (15 s).
awaitable<void> flush_source(Node& node, core::Upstream source, config::Credentials credentials) {
  Connection connection(node.executor);
  if (!co_await node.access.open_remote(connection, source, credentials, false, rewind_query_timeout)) co_return;
  if (!co_await connection.query("SET synchronous_commit TO local", rewind_query_timeout)) co_return;
  (void)co_await connection.query("SELECT pg_catalog.txid_current()", rewind_query_timeout);
}

constexpr std::uint64_t room_beside = std::uint64_t{32} << 20;  // for crash recovery, and for blocks that differ

std::uint64_t bytes_in(const std::string& directory) {
  std::uint64_t bytes = 0;
  for (const auto& name : net::names_in(directory)) {
    std::error_code error;  // a file that is gone is not counted
    const std::filesystem::directory_entry entry(std::filesystem::path(directory) / name, error);
    if (error || !entry.is_regular_file(error)) continue;
    if (const auto size = entry.file_size(error); !error) bytes += size;
  }
  return bytes;
}

// Checks that pg_rewind has enough room for what it copies, which includes all WAL of the source. If the disk became
// full during pg_rewind, the data would be left half rewound.
Result<void> look_for_room(const Paths& paths, std::uint64_t wal_of_source) {
  const auto wal = paths.in_data_dir("pg_wal");
  const auto own = bytes_in(wal);
  const auto more_wal = wal_of_source > own ? wal_of_source - own : 0;
  for (const auto& [directory, bytes] :
       {std::pair(paths.data_dir, room_beside), std::pair(wal, room_beside + more_wal)}) {
    if (auto written = write_and_flush(directory); !written) {
      return core::fail("nothing can be written into " + directory + ": " + written.error().what);
    }
    std::error_code error;
    const auto space = std::filesystem::space(directory, error);
    if (!error && space.available < bytes) {
      return core::fail(fmt::format("{} has no room for pg_rewind: it may need {} MB", directory, (bytes >> 20) + 1));
    }
  }
  return {};
}

awaitable<Result<void>> check_room(Node& node, core::Upstream source, config::Credentials credentials) {
  Connection connection(node.executor);
  std::uint64_t wal = 0;
  if (co_await node.access.open_remote(connection, source, credentials, false, rewind_query_timeout)) {
    const auto rows = co_await connection.query(
        "SELECT pg_catalog.sum((pg_catalog.pg_stat_file('pg_wal/' || f, true)).size)::bigint FROM "
        "pg_catalog.pg_ls_dir('pg_wal', true, false) f",
        rewind_query_timeout);
    if (rows && !rows->empty()) wal = std::strtoull(rows->front().front().value_or("0").c_str(), nullptr, 10);
  }
  co_return co_await net::on_disk_thread([paths = node.paths, wal] { return look_for_room(paths, wal); });
}

// Runs crash recovery in single-user mode and shuts the server down cleanly. The server archives nothing meanwhile, but
// WAL that is not archived must not be recycled.
awaitable<Result<void>> run_single_user(Node& node) {
  net::SpawnOptions options{
      .argv = {node.paths.program("postgres"), "--single", "-D", node.paths.data_dir, "-c",
               "config_file=" + node.paths.conf, "-c", "archive_mode=on", "-c", "archive_command=false", "template1"},
      .unset = {"NOTIFY_SOCKET", "PATRONI_*"},
      .capture = true};
  log::info("doing crash recovery in a single user mode");
  const auto done = co_await net::run(std::move(options), 0s);
  if (!done) co_return std::unexpected(done.error());
  if (!done->ok()) co_return core::fail("crash recovery before pg_rewind failed: " + last_lines(done->output));
  co_return Result<void>();
}

struct Plan {
  core::Upstream source;
  config::Credentials credentials;
  std::string passfile;
  int version = 0;
};

bool finds_configuration(const Node& node, int version) {
  return core::features::rewind_finds_config_file(version) || node.paths.config_dir == node.paths.data_dir;
}

net::SpawnOptions rewind_command(const Node& node, const Plan& plan) {
  net::SpawnOptions options{.argv = {node.paths.program("pg_rewind")},
                            .env = rewind_environment(plan.passfile),
                            .unset = {"NOTIFY_SOCKET", "PATRONI_*"},
                            .capture = true};
  auto& argv = options.argv;
  if (core::features::rewind_restores_wal(plan.version) && finds_configuration(node, plan.version)) {
    if (node.configuration.has_restore_command(plan.version)) argv.push_back("--restore-target-wal");
    if (node.paths.config_dir != node.paths.data_dir) argv.push_back("--config-file=" + node.paths.conf);
  }
  const auto source = to_upstream(plan.source, plan.credentials, PQlibVersion(), plan.passfile, "");
  for (const auto& argument : {std::string("-D"), node.paths.data_dir, "--source-server=" + format(source)}) {
    argv.push_back(argument);
  }
  const auto& own = node.local.postgresql.rewind_options;
  argv.insert(argv.end(), own.begin(), own.end());
  return options;
}

// Removes the mark. The signal file is written before, because without it the directory would look like that of a
// primary.
awaitable<Result<void>> end_mark(Node& node) {
  if (auto made = co_await node.configuration.make_standby(node.data.major_version()); !made) co_return made;
  co_return co_await mark_complete(node);
}

// The line in which pg_rewind tells its error: "pg_rewind: error: could not open ...", with "fatal" before PostgreSQL
// 15. The whole output is in the log.
std::string complaint(const std::string& output) {
  for (const std::string_view word : {"error: ", "fatal: "}) {
    const auto at = output.rfind(word);
    if (at != std::string::npos) return output.substr(at + word.size(), output.find('\n', at) - at - word.size());
  }
  return last_lines(output, 1);
}

// Runs crash recovery before pg_rewind does, so that every change after pg_rewind has begun is pg_rewind's own.
awaitable<Result<void>> recover_from_crash(Node& node) {
  const auto look = co_await node.data.look(true, 10s);
  if (look.control && look.control->file.shut_down_cleanly()) co_return Result<void>();
  // Single-user mode does not support standby mode.
  if (auto made = co_await node.configuration.make_primary(); !made) co_return made;
  co_return co_await run_single_user(node);
}

awaitable<Result<void>> execute(Node& node, Plan plan) {
  if (auto clean = co_await recover_from_crash(node); !clean) co_return clean;
  // The configuration for a primary lacks restore_command, which pg_rewind reads from the files.
  if (core::features::rewind_restores_wal(plan.version) && node.configuration.has_restore_command(plan.version)) {
    if (auto written = co_await node.configuration.write_standby(plan.source, plan.version); !written) {
      co_return std::unexpected(written.error());
    }
  }
  auto marked = co_await net::on_disk_thread([&node] { return node.data.mark_rewind(); });
  if (!marked) co_return marked;
  auto command = rewind_command(node, plan);
  log::info("running pg_rewind from {}", plan.source.member);
  const auto done = co_await net::run(std::move(command), 0s);
  if (done) log::info("pg_rewind exit code={}: {}", done->status, last_lines(done->output, 20));
  if (done && done->ok()) co_return co_await end_mark(node);
  co_return core::fail("pg_rewind failed: " + (done ? complaint(done->output) : done.error().what));
}

awaitable<bool> end_mark_if_unchanged(Node& node) {
  if (!co_await net::on_disk_thread([&node] { return node.data.unchanged_by_rewind(); })) co_return false;
  co_return (co_await end_mark(node)).has_value();
}

// Says what a failed pg_rewind left. If it has changed nothing, the directory still holds a usable cluster.
awaitable<Result<void>> judge_failure(Node& node, std::string why) {
  if (!node.data.half_rewound()) co_return core::fail(why);  // pg_rewind was not begun
  if (co_await end_mark_if_unchanged(node)) co_return core::fail(why + " (it changed nothing)");
  auto noted = co_await net::on_disk_thread([&node, why] { return node.data.note_rewind_error(why); });
  if (!noted) log::error("{}", noted.error().what);
  co_return core::fail(why + " (it had begun to change the data directory)");
}

Result<void> check_target(const Node& node, const std::optional<ControlData>& control) {
  if (!control) return core::fail(node.paths.data_dir + " holds no readable cluster");
  if (!control->file.data_checksums && !control->file.wal_log_hints) {
    return core::fail("pg_rewind needs data checksums or wal_log_hints, and this cluster has neither");
  }
  return {};
}

}  // namespace

awaitable<void> judge_former_rewind(Node& node) {
  if (!node.data.half_rewound()) co_return;
  if (auto gone = co_await node.server.wait_for_orphans(); !gone) {
    log::error("{}", gone.error().what);
  } else if (co_await end_mark_if_unchanged(node)) {
    log::info("pg_rewind was interrupted before it had changed anything in {}", node.paths.data_dir);
  }
}

awaitable<Result<void>> rewind_to(Node& node, core::Upstream upstream) {
  node.step("check");
  if (node.server.current()) co_return core::fail("cannot run pg_rewind: postgres is running");
  if (node.data.half_rewound()) co_return core::fail("cannot run pg_rewind: the data directory is half rewound");
  if (upstream.host.empty()) co_return core::fail("cannot run pg_rewind: there is no member to rewind to");
  if (auto gone = co_await node.server.wait_for_orphans(); !gone) co_return gone;
  // The control file looks like that of a crashed primary. Crash recovery would end at a position that no primary ever
  // had.
  if (exists(node.paths.in_data_dir("backup_label"))) {
    log::info("no pg_rewind: {} is a base backup that was never started", node.paths.data_dir);
    co_return co_await node.configuration.make_standby(node.data.major_version());
  }
  const auto look = co_await node.data.look(true, 10s);
  if (auto usable = check_target(node, look.control); !usable) co_return usable;
  Plan plan{.source = upstream, .version = node.data.major_version()};
  plan.credentials = node.access.rewind_credentials(plan.version);
  if (auto ready = co_await check_source(node, plan.source, plan.credentials); !ready) co_return ready;
  if (auto cleared = co_await node.data.clear_holders(); !cleared) co_return cleared;
  if (auto room = co_await check_room(node, plan.source, plan.credentials); !room) co_return room;
  const auto passfile = co_await node.configuration.write_pgpass(
      node.paths.pgpass + ".rewind", pgpass_line(upstream.host, upstream.port, plan.credentials));
  if (!passfile) co_return std::unexpected(passfile.error());
  plan.passfile = *passfile;

  node.step(core::rewind_step);
  Result<void> result;
  bool cancelled = false;
  try {
    result = co_await execute(node, plan);
    if (result) co_await flush_source(node, plan.source, plan.credentials);
  } catch (const boost::system::system_error& error) {
    if (error.code() != asio::error::operation_aborted) throw;
    cancelled = true;
  }
  if (cancelled) co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  if (cancelled) result = core::fail("pg_rewind was cancelled");
  if (!result) result = co_await judge_failure(node, result.error().what);
  (void)co_await net::on_disk_thread([file = plan.passfile] { return remove_if_exists(file); });
  // A server whose history has diverged must not look like a primary, whatever the result is.
  if (auto made = co_await node.configuration.make_standby(plan.version); !made && result) result = made;
  if (cancelled) throw boost::system::system_error(asio::error::operation_aborted);
  co_return result;
}

}  // namespace tamada::postgres
