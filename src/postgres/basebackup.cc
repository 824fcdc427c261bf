// A copy of another server by pg_basebackup.
#include <charconv>

#include "net/log.h"
#include "net/process.h"
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

// Only what nobody runs on, and what is a cluster's, may be replaced.
awaitable<Result<void>> prepare_data_directory(Node& node, const char* what) {
  if (node.server.current()) {
    // The server of an interrupted bootstrap; any other has to be stopped by a decision.
    if (!node.data.incomplete()) co_return core::fail("postgres is running");
    if (auto stopped = co_await node.server.stop(core::StopMode::immediate, 0s); !stopped) co_return stopped;
  }
  if (auto gone = co_await node.server.wait_for_orphans(); !gone) co_return gone;
  const auto look = co_await node.data.look(true, 10s);
  if (look.kind == core::DataDirectory::unusable) {
    co_return core::fail(node.paths.data_dir + " is not empty and holds no cluster; it is left alone");
  }
  if (auto room = co_await node.data.make_room(what != std::string_view("bootstrap")); !room) co_return room;
  if (auto marked = node.data.mark_incomplete(what); !marked) {
    // Patroni's users may have a parent directory that only root can write to.
    log::warning("cannot mark an unfinished data directory: {}", marked.error().what);
  }
  co_return Result<void>();
}

awaitable<Result<void>> copy_from(Node& node, core::Upstream upstream) {
  if (upstream.host.empty()) co_return core::fail("nobody to copy from");
  if (auto prepared = co_await prepare_data_directory(node, "basebackup"); !prepared) co_return prepared;
  const auto& credentials = node.local.postgresql.replication;
  const auto passfile =
      node.configuration.write_pgpass(node.paths.pgpass, pgpass_line(upstream.host, upstream.port, credentials));
  if (!passfile) co_return std::unexpected(passfile.error());
  const auto source = format(to_upstream(upstream, credentials, PQlibVersion(), *passfile, ""));
  net::SpawnOptions options{.argv = {node.paths.program("pg_basebackup"), "--pgdata=" + node.paths.data_dir, "-X",
                                     "stream", "--dbname=" + source, "--progress"},
                            .capture = true};
  for (const auto& option : node.local.postgresql.basebackup_options) options.argv.push_back(option);
  options.on_line = [&node](std::string_view line) {
    const auto progress = parse_basebackup_progress(line);
    if (!progress) return;
    node.progress.bytes_done = progress->bytes_done;
    node.progress.bytes_total = progress->bytes_total;
  };
  node.step("pg_basebackup");
  log::info("copying {} by pg_basebackup", upstream.member);
  const auto copied = co_await net::run(std::move(options), 0s);
  if (!copied) co_return std::unexpected(copied.error());
  if (!copied->ok()) {
    // It removed what it wrote: then the mark must not speak against what an operator may restore here by hand.
    if (const auto left = co_await node.data.look(true, 10s); left.kind == core::DataDirectory::absent) {
      (void)node.data.mark_complete();
    }
    co_return core::fail(fmt::format("pg_basebackup ended with {}: {}", copied->status, last_lines(copied->output)));
  }
  const int version = node.data.major_version();
  const auto look = co_await node.data.look(true, 10s);
  if (!look.control || version == 0) co_return core::fail("the copy by pg_basebackup is not readable");
  // Before it counts as complete: without it the copy would look like a primary's own directory.
  if (auto made = node.configuration.make_standby(version); !made) co_return made;
  co_return node.data.mark_complete();
}

}  // namespace tamada::postgres
