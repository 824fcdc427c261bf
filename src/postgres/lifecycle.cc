// Starts, stops and promotes the server.
#include <signal.h>

#include <boost/asio/steady_timer.hpp>
#include <cstring>

#include "core/server_features.h"
#include "net/disk.h"
#include "net/log.h"
#include "net/process.h"
#include "postgres/files.h"
#include "postgres/node.h"
#include "postgres/script.h"

namespace tamada::postgres {
namespace {

using namespace std::chrono_literals;

constexpr Duration promotion_poll = 5ms;
constexpr Duration wake_again = 20ms;
constexpr Duration checkpoint_timeout = 1h;  // with large shared_buffers and a slow disk; the checkpoint can be
                                             // cancelled

awaitable<Result<void>> launch_server(Node& node, std::optional<core::Upstream> upstream, Duration timeout) {
  const auto look = co_await node.data.look(true, 10s);
  const int version = node.data.major_version();
  if (!look.control || version == 0) co_return core::fail(node.paths.data_dir + " holds no readable cluster");
  co_await learn_parameters(node, version);
  node.data.promotion_ended();  // the promotion of an earlier server may have left its mark
  // The signal file is created before everything else and removed after everything else, so that an interruption leaves
  // a standby and not a primary.
  if (upstream) {
    if (auto made = co_await node.configuration.make_standby(version); !made) co_return made;
    if (auto written = co_await node.configuration.write_standby(*upstream, version); !written) {
      co_return std::unexpected(written.error());
    }
  } else {
    if (auto written = co_await node.configuration.write_primary(version); !written) {
      co_return std::unexpected(written.error());
    }
    if (auto made = co_await node.configuration.make_primary(); !made) co_return made;
  }
  const auto least = upstream ? look.control->minimum_settings : std::map<std::string, int>{};
  const auto argv = node.configuration.command_line(version, least);
  auto postmaster = node.server.launch(argv);
  if (!postmaster) co_return std::unexpected(postmaster.error());
  node.files_are_loaded = true;
  if (upstream && !core::features::has_standby_signal(version)) node.recovery_conf.read_by((*postmaster)->pid());
  auto ready = co_await node.server.wait_until_ready(*postmaster, timeout);
  if (!ready && !node.server.current()) {
    if (const auto why = co_await why_start_failed(node, argv); !why.empty())
      ready = core::fail("postgres cannot start: " + why);
  }
  // The server compares its files with its arguments only at a reload. The reload makes it report that a restart is
  // pending.
  if (ready && node.configuration.raised()) node.server.reload();
  co_return ready;
}

// Whether the server is in recovery; nullopt when it does not answer.
awaitable<std::optional<bool>> still_in_recovery(Node& node, Connection& connection) {
  if (!connection.is_open()) {
    if (const auto opened = co_await node.access.open_local(connection, query_timeout); !opened) co_return std::nullopt;
  }
  const auto rows = co_await connection.query("SELECT pg_catalog.pg_is_in_recovery()", query_timeout);
  if (!rows || rows->empty()) co_return std::nullopt;
  co_return rows->front().front() == "t";
}

// The process that replays WAL and ends the recovery; nullptr when the server does not tell it.
awaitable<std::unique_ptr<net::ExitWatch>> startup_process(Node& node, Connection& connection) {
  const auto rows = co_await connection.query(
      "SELECT pid FROM pg_catalog.pg_stat_activity WHERE backend_type = 'startup'", query_timeout);
  if (!rows || rows->empty() || !rows->front().front()) co_return nullptr;
  co_return std::make_unique<net::ExitWatch>(node.executor, std::stoi(*rows->front().front()));
}

}  // namespace

awaitable<Result<void>> mark_incomplete(Node& node, std::string what, std::vector<Unfinished::Place> places,
                                        bool stay_empty) {
  co_return co_await net::on_disk_thread([=, &node] { return node.data.mark_incomplete(what, places, stay_empty); });
}

awaitable<Result<void>> mark_complete(Node& node) {
  co_return co_await net::on_disk_thread([&node] { return node.data.mark_complete(); });
}

awaitable<void> pause(Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(duration));
  co_await timer.async_wait(use_awaitable);
}

std::string last_lines(const std::string& output, std::size_t lines) {
  auto end = output.find_last_not_of(" \n\r");
  if (end == std::string::npos) return "";
  ++end;
  auto begin = end;
  while (begin > 0 && lines > 0) {
    begin = output.rfind('\n', begin - 1);
    if (begin == std::string::npos) return output.substr(0, end);
    --lines;
  }
  return output.substr(begin + (output[begin] == '\n' ? 1 : 0), end - begin - (output[begin] == '\n' ? 1 : 0));
}

awaitable<Result<void>> or_stop_server(Node& node, awaitable<Result<void>> work) {
  Result<void> result;
  bool cancelled = false;
  try {
    result = co_await std::move(work);
  } catch (const boost::system::system_error& error) {
    if (error.code() != asio::error::operation_aborted) throw;
    cancelled = true;
  }
  if (result && !cancelled) co_return result;
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  if (node.server.current()) {
    if (auto stopped = co_await node.server.stop(core::StopMode::immediate, 0s); !stopped) {
      log::error("{}", stopped.error().what);
    }
  }
  if (cancelled) throw boost::system::system_error(asio::error::operation_aborted);
  co_return result;
}

awaitable<Result<void>> start_server(Node& node, std::optional<core::Upstream> upstream, Duration timeout) {
  if (node.server.current()) co_return core::fail("postgres is running already");
  if (auto gone = co_await node.server.wait_for_orphans(); !gone) co_return gone;
  co_return co_await launch_server(node, std::move(upstream), timeout);
}

awaitable<Result<void>> run_checkpoint(Node& node, Duration timeout) {
  Connection connection(node.executor);
  if (auto opened = co_await node.access.open_local(connection, query_timeout); !opened) co_return opened;
  const auto done = co_await connection.query("CHECKPOINT", timeout > timeout.zero() ? timeout : checkpoint_timeout);
  if (!done) co_return std::unexpected(done.error());
  co_return Result<void>();
}

awaitable<Result<void>> stop_server(Node& node, core::StopMode mode, bool checkpoint_first, Duration timeout) {
  if (checkpoint_first && mode == core::StopMode::fast && node.server.current()) {
    node.step("checkpoint");
    const auto done = co_await run_checkpoint(node, timeout);
    if (!done) log::warning("checkpoint before stopping: {}", done.error().what);
  }
  const auto& command = node.local.postgresql.before_stop;
  // An immediate stop does not run before_stop, because another primary may exist. A stop with a limit gives half of it
  // to before_stop.
  if (!command.empty() && mode == core::StopMode::fast && node.server.current()) {
    node.step("before_stop");
    Script script{.what = "before_stop script", .command = command, .arguments = {}, .env = {}};
    const auto done = co_await run_script(std::move(script), timeout / 2);
    if (!done) log::warning("{}", done.error().what);
  }
  node.step("shutdown");
  co_return co_await node.server.stop(mode, timeout);
}

awaitable<Result<void>> promote_server(Node& node) {
  const auto postmaster = node.server.current();
  if (!postmaster) co_return core::fail("cannot promote: postgres is not running");
  Connection connection(node.executor);
  // pre_promote is the operator's own fence: if it fails, the server is not promoted.
  if (const auto& command = node.local.postgresql.pre_promote; !command.empty()) {
    if (co_await still_in_recovery(node, connection) == false) co_return Result<void>();
    node.step("pre_promote");
    Script script{.what = "pre_promote script", .command = command, .arguments = {}, .env = {}};
    auto done = co_await run_script(std::move(script), 0s);
    if (!done) co_return done;
  }
  node.step("promote");
  if (auto marked = node.data.mark_promotion(); !marked) co_return marked;
  // This is what pg_ctl promote does. pg_promote() does the same, but needs a connection. A new connection takes long
  // on a busy machine, so the server is asked first. A primary ignores the request.
  const auto request = node.paths.in_data_dir("promote");
  if (auto asked = touch(request); !asked) co_return asked;
  postmaster->signal(SIGUSR1);
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::seconds(node.local.postgresql.pg_ctl_timeout_s);
  // If the request arrives while the WAL receiver is being started, which is likely just after the end of the primary,
  // the startup process takes note of it and then sleeps for wal_retrieve_retry_interval before it ends the recovery.
  // SIGHUP wakes it. Source: PostgreSQL, WaitForWALToBecomeAvailable in xlogrecovery.c.
  std::unique_ptr<net::ExitWatch> startup;
  std::optional<Clock::time_point> woken;  // or when the file of the request was found to be gone
  while (Clock::now() < deadline) {
    if (!postmaster->alive()) co_return core::fail("postgres ended while being promoted");
    if (co_await still_in_recovery(node, connection) == false) {
      node.data.withdraw_promotion();  // a server that was a primary before has left the file
      node.data.promotion_ended();
      co_return Result<void>();
    }
    if (!woken ? !exists(request) : Clock::now() - *woken >= wake_again) {
      if (woken && !startup) startup = co_await startup_process(node, connection);
      if (startup) startup->signal(SIGHUP);
      woken = Clock::now();
    }
    co_await pause(promotion_poll);
  }
  co_return core::fail("postgres is still in recovery after being told to promote");
}

}  // namespace tamada::postgres
