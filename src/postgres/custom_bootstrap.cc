// Bootstraps a cluster by the operator's program, for example from a backup: runs the program, then the recovery that
// the program or the configuration prepared, and makes the server an ordinary primary. Source: Patroni's documentation,
// "Replica imaging and bootstrap", section "Bootstrap".
#include <boost/asio/steady_timer.hpp>

#include "net/log.h"
#include "postgres/files.h"
#include "postgres/node.h"
#include "postgres/script.h"

namespace tamada::postgres {
namespace {

using namespace std::chrono_literals;

constexpr Duration recovery_poll = 100ms;

awaitable<Result<void>> run_method(Node& node, const config::Method& method) {
  Script script{.what = "custom bootstrap script", .command = method.command, .arguments = {}, .env = {}};
  if (!method.no_params) script.arguments = {"--scope=" + node.local.scope, "--datadir=" + node.paths.data_dir};
  for (auto& argument : method_arguments(method)) script.arguments.push_back(std::move(argument));
  co_return co_await run_script(std::move(script), 0s);
}

// Whether the recovery ends by promoting the server. Then it runs without hot standby, because hot standby would stop
// the recovery where a parameter was raised on the primary after the backup.
bool ends_by_itself(const config::Method& method) {
  const auto& recovery = method.recovery_conf;
  if (method.keep_existing_recovery_conf && recovery.empty()) return true;
  const auto action = recovery.find("recovery_target_action");
  const auto pause = recovery.find("pause_at_recovery_target");
  if (action != recovery.end()) return action->second == "promote";
  return pause != recovery.end() && (pause->second == "off" || pause->second == "false");
}

// Waits until the server takes writes. There is no limit, because a recovery that pauses at its target waits for the
// operator.
awaitable<Result<void>> wait_for_end_of_recovery(Node& node) {
  bool told = false;
  for (;;) {
    if (!node.server.current()) co_return core::fail("postgres ended during the recovery; its log says why");
    Connection connection(node.executor);
    if (co_await node.access.open_local(connection, query_timeout)) {
      const auto rows = co_await connection.query("SELECT pg_catalog.pg_is_in_recovery()", query_timeout);
      if (rows && !rows->empty() && rows->front().front() == "f") co_return Result<void>();
      if (rows && !told) log::info("waiting for end of recovery after bootstrap");
      told = told || rows;
    }
    asio::steady_timer timer(co_await asio::this_coro::executor);
    timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(recovery_poll));
    co_await timer.async_wait(use_awaitable);
  }
}

awaitable<Result<void>> start_restored(Node& node, const config::Method& method) {
  const auto look = co_await node.data.look(true, 10s);
  const int version = node.data.major_version();
  if (!look.control || version == 0) co_return core::fail("the bootstrap method left no readable cluster");
  // The file `promote` would end the recovery at once, so it is removed.
  if (auto removed = remove_if_exists(node.paths.in_data_dir("promote")); !removed) co_return removed;
  if (auto written = co_await node.configuration.write_restored(method, version); !written) co_return written;
  const bool recovers = node.data.standby_signal();
  const auto least = recovers ? look.control->minimum_settings : std::map<std::string, int>{};
  auto arguments = node.configuration.command_line(version, least);
  if (recovers && ends_by_itself(method)) arguments.push_back("--hot_standby=off");
  auto postmaster = node.server.launch(std::move(arguments));
  if (!postmaster) co_return std::unexpected(postmaster.error());
  if (auto ready = co_await node.server.wait_until_ready(*postmaster, 0s); !ready) co_return ready;
  co_return co_await wait_for_end_of_recovery(node);
}

}  // namespace

awaitable<Result<void>> restore_cluster(Node& node) {
  const config::Method method = *node.local.bootstrap.method;
  if (auto done = co_await run_method(node, method); !done) co_return done;
  node.step("recovery");
  co_return co_await start_restored(node, method);
}

awaitable<Result<void>> end_restore(Node& node) {
  if (auto stopped = co_await stop_server(node, core::StopMode::fast, false, 0s); !stopped) co_return stopped;
  if (auto reverted = co_await node.configuration.end_restored(); !reverted) co_return reverted;
  co_return co_await start_server(node, std::nullopt, 0s);
}

}  // namespace tamada::postgres
