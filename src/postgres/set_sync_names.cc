// Sets synchronous_standby_names, and makes waiting commits use the new value. PostgreSQL checks whether a commit still
// has to wait only when a message of a standby arrives. While all commits wait, a standby has nothing new to confirm,
// so its next message may come only after wal_receiver_status_interval, 10 s. Source: PostgreSQL,
// src/backend/replication/syncrep.c.
#include "core/sync_names.h"
#include "net/log.h"
#include "postgres/conninfo.h"
#include "postgres/node.h"

namespace tamada::postgres {

using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

constexpr Duration reload_timeout = 1s;
constexpr Duration reload_poll = 2ms;
constexpr Duration senders_take = 300ms;  // for reading their configuration again

awaitable<Result<void>> in_force(Connection& connection, const std::string& names) {
  const auto deadline = Clock::now() + reload_timeout;
  std::string now;
  do {
    const auto rows = co_await connection.query("SHOW synchronous_standby_names", query_timeout);
    if (!rows) co_return std::unexpected(rows.error());
    now = rows->front().front().value_or("");
    if (now == names) co_return Result<void>();
    co_await pause(reload_poll);
  } while (Clock::now() < deadline);
  co_return core::fail("it is still '" + now + "' after a reload");
}

// The query for the number of WAL senders of the named standbys that still use the old names.
std::string senders_behind(const core::SyncNames& names) {
  std::string list;
  for (const auto& standby : names.standbys)
    list += (list.empty() ? "" : ", ") + ("pg_catalog.lower(" + quote_literal(standby) + ")");
  return "SELECT count(*) FROM pg_catalog.pg_stat_replication WHERE state = 'streaming' AND sync_priority = 0 AND "
         "pg_catalog.lower(application_name) IN (" +
         list + ") HAVING NOT pg_catalog.pg_is_in_recovery()";
}

// Writes a little WAL, which makes each standby send a message. The commit itself waits for no standby.
awaitable<Result<void>> wake_commits(Connection& connection, const core::SyncNames& names) {
  const auto deadline = Clock::now() + senders_take;
  for (;;) {
    const auto rows = co_await connection.query(senders_behind(names), query_timeout);
    if (!rows) co_return std::unexpected(rows.error());
    if (rows->empty()) co_return Result<void>();
    if (rows->front().front() == "0" || Clock::now() >= deadline) break;
    co_await pause(reload_poll);
  }
  for (const char* statement : {"SET synchronous_commit = local",
                                "SELECT pg_catalog.pg_logical_emit_message(true, 'tamada', 'synchronous standbys')"}) {
    const auto done = co_await connection.query(statement, query_timeout);
    if (!done) co_return std::unexpected(done.error());
  }
  co_return Result<void>();
}

}  // namespace

awaitable<Result<void>> set_synchronous_standby_names(Node& node, std::string names) {
  // The connection is opened before the reload, so that it reads the new value when every other session does.
  Connection connection(node.executor);
  if (auto opened = co_await node.access.open_local(connection, query_timeout); !opened) co_return opened;
  node.configuration.sync_names(names);
  const auto changed = co_await write_soon(node, node.configuration.write_same_role(node.data.major_version()));
  if (!changed) co_return std::unexpected(changed.error());
  node.load_files();
  if (auto done = co_await in_force(connection, names); !done) co_return done;
  const auto parsed = core::parse_sync_names(names);
  if (parsed.standbys.empty()) co_return Result<void>();  // without standbys the server itself wakes waiting commits
  const auto woken = co_await wake_commits(connection, parsed);
  if (!woken) log::warning("waiting commits may have to wait some seconds longer: {}", woken.error().what);
  co_return Result<void>();
}

}  // namespace tamada::postgres
