// Sets synchronous_standby_names. Two things of PostgreSQL make this more than a reload. Source: PostgreSQL,
// src/backend/replication/syncrep.c.
//  - Whether commits wait at all is a flag in shared memory that only the checkpointer sets, when it reads its
//    configuration again. While it flushes files, that takes seconds. Until then commits are acknowledged although
//    nothing but the primary has them, whatever SHOW says.
//  - PostgreSQL checks whether a commit still has to wait only when a message of a standby arrives. While all commits
//    wait, a standby has nothing new to confirm, so its next message may come only after
//    wal_receiver_status_interval, 10 s.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <memory>

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
constexpr Duration checkpointer_takes = 1s;
constexpr Duration own_commit_takes = 10s;

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

awaitable<Result<void>> write_and_load(Node& node, Connection& connection, std::string names) {
  node.configuration.sync_names(names);
  const auto changed = co_await write_soon(node, node.configuration.write_same_role(node.data.major_version()));
  if (!changed) co_return std::unexpected(changed.error());
  node.load_files();
  co_return co_await in_force(connection, names);
}

// A transaction of our own. It lives on after its question has been answered, until a standby acknowledges it.
struct OwnCommit {
  explicit OwnCommit(const asio::any_io_executor& executor) : connection(executor) {}
  Connection connection;
  bool ended = false;
};

awaitable<void> run(std::shared_ptr<OwnCommit> own) {
  own->ended = false;
  co_await own->connection.query(
      "SELECT pg_catalog.pg_logical_emit_message(true, 'tamada', 'do commits wait for standbys')", own_commit_takes);
  own->ended = true;
}

// Waits until a commit waits for standbys. No standby has the placeholder's name, so while it is the only name, a
// commit that ends shows that the flag is not set yet, and one that waits shows that it is.
awaitable<Result<void>> flag_is_set(Node& node, Connection& connection) {
  const auto deadline = Clock::now() + checkpointer_takes;
  const auto own = std::make_shared<OwnCommit>(node.executor);
  if (auto opened = co_await node.access.open_local(own->connection, query_timeout); !opened) co_return opened;
  const auto set = co_await own->connection.query("SET synchronous_commit = on", query_timeout);
  if (!set) co_return std::unexpected(set.error());
  const auto pid = co_await own->connection.query("SELECT pg_catalog.pg_backend_pid()", query_timeout);
  if (!pid) co_return std::unexpected(pid.error());
  const auto waits = "SELECT FROM pg_catalog.pg_stat_activity WHERE wait_event = 'SyncRep' AND pid = " +
                     pid->front().front().value_or("0");
  while (own->connection.is_open()) {
    asio::co_spawn(node.executor, run(own), asio::detached);
    do {
      co_await pause(reload_poll);
      const auto rows = co_await connection.query(waits, query_timeout);
      if (!rows) co_return std::unexpected(rows.error());
      if (!rows->empty()) co_return Result<void>();
      if (Clock::now() >= deadline) {
        co_return core::fail(
            "commits do not wait for standbys yet, because PostgreSQL's checkpointer has not read the configuration "
            "again; it does when it has flushed the files of its checkpoint");
      }
    } while (!own->ended);
  }
  co_return core::fail("a commit that was to wait for standbys lost its connection");
}

// Sees to it that commits wait before the first standby is named, since `/sync` names a standby soon after.
awaitable<Result<void>> make_commits_wait(Node& node, Connection& connection) {
  const auto rows = co_await connection.query(
      "SELECT pg_catalog.current_setting('synchronous_standby_names'), pg_catalog.pg_is_in_recovery()", query_timeout);
  if (!rows) co_return std::unexpected(rows.error());
  const auto before = rows->front()[0].value_or("");
  const bool standby = rows->front()[1] == "t";
  if (standby || !core::parse_sync_names(before).standbys.empty()) co_return Result<void>();
  auto waits = co_await write_and_load(node, connection, std::string(core::strict_placeholder));
  if (waits) waits = co_await flag_is_set(node, connection);
  if (waits) co_return waits;
  // Without a standby nothing would end the wait of commits.
  const auto undone = co_await write_and_load(node, connection, before);
  if (!undone) log::warning("cannot set synchronous_standby_names back to '{}': {}", before, undone.error().what);
  co_return waits;
}

}  // namespace

awaitable<Result<void>> set_synchronous_standby_names(Node& node, std::string names) {
  // The connection is opened before the reload, so that it reads the new value when every other session does.
  Connection connection(node.executor);
  if (auto opened = co_await node.access.open_local(connection, query_timeout); !opened) co_return opened;
  const auto parsed = core::parse_sync_names(names);
  if (!parsed.standbys.empty()) {
    if (auto waits = co_await make_commits_wait(node, connection); !waits) co_return waits;
  }
  if (auto done = co_await write_and_load(node, connection, names); !done) co_return done;
  if (parsed.standbys.empty()) co_return Result<void>();  // without standbys the server itself wakes waiting commits
  const auto woken = co_await wake_commits(connection, parsed);
  if (!woken) log::warning("waiting commits may have to wait some seconds longer: {}", woken.error().what);
  co_return Result<void>();
}

}  // namespace tamada::postgres
