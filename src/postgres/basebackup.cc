// Copies another server by pg_basebackup.
#include <charconv>

#include "net/disk.h"
#include "net/log.h"
#include "net/process.h"
#include "postgres/base_backup.h"
#include "postgres/conninfo.h"
#include "postgres/node.h"
#include "postgres/progress.h"

namespace tamada::postgres {

std::optional<Progress> parse_basebackup_progress(std::string_view line) {
  std::uint64_t numbers[2] = {0, 0};
  const char* at = line.data();
  const char* const end = at + line.size();
  for (auto& number : numbers) {
    while (at != end && (*at == ' ' || *at == '/')) ++at;
    const auto [stopped, failed] = std::from_chars(at, end, number);
    if (failed != std::errc()) return std::nullopt;
    at = stopped;
  }
  if (!std::string_view(at, end).starts_with(" kB")) return std::nullopt;
  return Progress{.what = "pg_basebackup", .bytes_done = numbers[0] * 1024, .bytes_total = numbers[1] * 1024};
}

using namespace std::chrono_literals;

// Prepares the data directory for the copy. It may be replaced only if no server runs on it and if it holds a cluster.
awaitable<Result<void>> prepare_data_directory(Node& node, const char* what, bool stay_empty) {
  if (node.server.current()) {
    // The server of an interrupted bootstrap is stopped here; any other has to be stopped by a decision.
    if (!node.data.incomplete()) co_return core::fail("postgres is running");
    if (auto stopped = co_await node.server.stop(core::StopMode::immediate, 0s); !stopped) co_return stopped;
  }
  if (auto gone = co_await node.server.wait_for_orphans(); !gone) co_return gone;
  const auto look = co_await node.data.look(true, 10s);
  if (look.kind == core::DataDirectory::unusable) {
    co_return core::fail(node.paths.data_dir + " is not empty and holds no cluster; it is left alone");
  }
  const bool for_copy = what != std::string_view(initdb_begun);
  if (auto room = co_await node.data.make_room(for_copy); !room) co_return room;
  if (for_copy && !node.local.postgresql.keep_replaced_data && !node.data.superseded().empty()) {
    node.step("removing the replaced data");
    log::warning("the data that the copy replaces are removed before it begins: keep_replaced_data is off");
    if (auto removed = co_await node.data.superseded().remove_all(); !removed) co_return removed;
  }
  if (auto marked = co_await mark_incomplete(node, what, {}, stay_empty); !marked) {
    // Patroni's users may have a parent directory that only root can write to.
    log::warning("cannot mark an unfinished data directory: {}", marked.error().what);
  }
  co_return Result<void>();
}

namespace {

// The major version of pg_basebackup, such as "15", which must not be older than the server's; empty when not known.
awaitable<std::string> program_major(const Node& node) {
  const auto told =
      co_await net::run({.argv = {node.paths.program("pg_basebackup"), "--version"}, .capture = true}, 10s);
  const auto text = told && told->ok() ? told->output : std::string();
  const auto begin = text.find(") ");
  if (begin == std::string::npos) co_return std::string();
  const auto end = text.find_first_not_of("0123456789", begin + 2);
  co_return text.substr(begin + 2, end == std::string::npos ? end : end - begin - 2);
}

// The directories of the upstream's tablespaces. The list is empty if our role may not ask for them; then pg_basebackup
// fails if one of them is not empty here.
awaitable<std::vector<std::string>> tablespaces_of(const Node& node, core::Upstream upstream) {
  std::vector<std::string> result;
  Connection connection(node.executor);
  const auto credentials = node.access.rewind_credentials(node.data.major_version());
  if (const auto opened = co_await node.access.open_remote(connection, std::move(upstream), credentials, false, 5s);
      !opened) {
    log::debug("cannot ask for tablespaces: {}", opened.error().what);
    co_return result;
  }
  const auto rows = co_await connection.query(
      "SELECT location FROM (SELECT pg_catalog.pg_tablespace_location(oid) AS location FROM pg_catalog.pg_tablespace) "
      "AS "
      "all_of_them WHERE location LIKE '/%'",
      5s);
  if (!rows) co_return result;
  for (const auto& row : *rows) result.push_back(row.front().value_or(""));
  co_return result;
}

}  // namespace

awaitable<Result<CopyPlaces>> find_places(Node& node, core::Upstream upstream) {
  auto tablespaces = co_await tablespaces_of(node, std::move(upstream));
  const auto major = co_await program_major(node);
  auto places = CopyPlaces::find(node.paths.data_dir, node.local.postgresql.basebackup_options, tablespaces, major);
  if (!places) co_return places;
  if (auto marked = co_await mark_incomplete(node, "basebackup", places->beside_data_dir()); !marked) {
    log::warning("cannot mark an unfinished data directory: {}", marked.error().what);
  }
  // The places are determined again, because the mark may be a new file in the data directory.
  places = CopyPlaces::find(node.paths.data_dir, node.local.postgresql.basebackup_options, tablespaces, major);
  if (!places) co_return places;
  if (auto made = places->make_holders(); !made) co_return std::unexpected(made.error());
  co_return places;
}

awaitable<Result<void>> run_basebackup(Node& node, std::vector<std::string> arguments) {
  net::SpawnOptions options{.argv = {node.paths.program("pg_basebackup"), "-X", "stream", "--progress"},
                            .capture = true};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.on_line = [&node](std::string_view line) {
    const auto progress = parse_basebackup_progress(line);
    if (!progress) return;
    node.progress.bytes_done = progress->bytes_done;
    node.progress.bytes_total = progress->bytes_total;
  };
  node.step("pg_basebackup");
  const auto copied = co_await net::run(std::move(options), 0s);
  if (!copied) co_return std::unexpected(copied.error());
  if (copied->ok()) co_return Result<void>();
  // pg_basebackup has removed what it wrote. The mark is removed, too; otherwise a cluster that an operator restores
  // here by hand would count as an unfinished copy.
  if (!node.data.anything_left()) (void)co_await mark_complete(node);
  co_return core::fail(fmt::format("pg_basebackup ended with {}: {}", copied->status, last_lines(copied->output)));
}

awaitable<Result<void>> finish_copy(Node& node, CopyPlaces places) {
  auto moved = co_await net::on_disk_thread([placed = std::move(places)] { return placed.move_up(); });
  if (!moved) co_return moved;
  const int version = node.data.major_version();
  const auto look = co_await node.data.look(true, 10s);
  if (!look.control || version == 0) co_return core::fail("the copy by pg_basebackup is not readable");
  // The signal file is written before the copy counts as complete. Without it the copy would look like the directory of
  // a primary.
  if (auto made = co_await node.configuration.make_standby(version); !made) co_return made;
  co_return co_await mark_complete(node);
}

awaitable<Result<std::string>> source_of_backup(Node& node, core::Upstream upstream) {
  const auto& credentials = node.local.postgresql.replication;
  const auto passfile = co_await node.configuration.write_pgpass(
      node.paths.pgpass, pgpass_line(upstream.host, upstream.port, credentials));
  if (!passfile) co_return std::unexpected(passfile.error());
  co_return "--dbname=" + format(to_upstream(upstream, credentials, PQlibVersion(), *passfile, ""));
}

awaitable<Result<void>> copy_from(Node& node, core::Upstream upstream) {
  if (upstream.host.empty()) co_return core::fail("there is no member to copy from");
  if (auto prepared = co_await prepare_data_directory(node, "basebackup"); !prepared) co_return prepared;
  auto source = co_await source_of_backup(node, upstream);
  if (!source) co_return std::unexpected(source.error());
  const auto places = co_await find_places(node, upstream);
  if (!places) co_return std::unexpected(places.error());
  auto arguments = places->arguments();
  arguments.push_back(*std::move(source));
  log::info("copying {} by pg_basebackup", upstream.member);
  if (auto copied = co_await run_basebackup(node, std::move(arguments)); !copied) co_return copied;
  co_return co_await finish_copy(node, *places);
}

}  // namespace tamada::postgres
