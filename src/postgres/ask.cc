// Asks another server about its timeline, over the replication protocol. Source: PostgreSQL, "Streaming Replication
// Protocol": IDENTIFY_SYSTEM, TIMELINE_HISTORY, SHOW.
#include <charconv>

#include "net/log.h"
#include "postgres/node.h"
#include "postgres/timeline_history.h"

namespace tamada::postgres {
namespace {

using Clock = std::chrono::steady_clock;

awaitable<Result<void>> ask(Node& node, Connection& connection, core::Upstream upstream, Clock::time_point deadline,
                            core::UpstreamView& view) {
  const auto left = [deadline] { return std::max<Duration>(deadline - Clock::now(), std::chrono::milliseconds(1)); };
  const auto& credentials = node.local.postgresql.replication;
  if (auto opened = co_await node.access.open_remote(connection, upstream, credentials, true, left()); !opened) {
    co_return opened;
  }
  const auto system = co_await connection.query("IDENTIFY_SYSTEM", left());
  if (!system) co_return std::unexpected(system.error());
  if (system->size() != 1 || system->front().size() < 3) co_return core::fail("unexpected answer to IDENTIFY_SYSTEM");
  const auto& row = system->front();
  view.system_identifier = row[0].value_or("");
  const auto timeline = row[1].value_or("");
  std::from_chars(timeline.data(), timeline.data() + timeline.size(), view.timeline);
  view.lsn = core::parse_lsn(row[2].value_or("")).value_or(0);

  // In recovery every transaction is read-only, so this setting tells whether the server is in recovery. SHOW is
  // allowed on such a connection, functions are not.
  const auto read_only = co_await connection.query("SHOW transaction_read_only", left());
  if (!read_only) co_return std::unexpected(read_only.error());
  view.in_recovery = read_only->empty() || read_only->front().front() != "off";

  if (view.timeline > 1) {
    const auto history = co_await connection.query("TIMELINE_HISTORY " + std::to_string(view.timeline), left());
    if (!history) co_return std::unexpected(history.error());
    if (history->size() == 1 && history->front().size() == 2) {
      view.history = parse_timeline_history(history->front()[1].value_or(""));
    }
  }
  view.reachable = true;
  co_return Result<void>();
}

}  // namespace

awaitable<core::UpstreamView> ask_server(Node& node, core::Upstream upstream, Duration timeout) {
  core::UpstreamView view;
  view.member = upstream.member;
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout);
  Connection connection(node.executor);
  const auto asked = co_await ask(node, connection, std::move(upstream), deadline, view);
  if (!asked) view.error = asked.error().what;
  view.slow = !asked && connection.timed_out() && connection.was_accepted();
  co_return view;
}

}  // namespace tamada::postgres
