// Creates, drops and advances replication slots of the local server, and copies logical slots from the primary. A
// logical slot cannot be created at a past position, so its state file is copied. Source: PostgreSQL, "Replication
// Management Functions"; for the copy Patroni's documentation of `slots`.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/server_features.h"
#include "net/disk.h"
#include "net/log.h"
#include "postgres/conninfo.h"
#include "postgres/files.h"
#include "postgres/node.h"
#include "postgres/sql_view.h"

namespace tamada::postgres {
namespace {

using namespace std::chrono_literals;

constexpr Duration slot_query_timeout = 10s;
constexpr Duration creation_timeout = 10min;  // a new logical slot waits until the transactions that run now have ended
constexpr Duration decoding_timeout = 10min;  // to advance a logical slot the server decodes the WAL up to the new
                                              // position

awaitable<Result<void>> drop_one(Connection& connection, core::SlotDrop slot) {
  log::info("Trying to drop replication slot '{}' {}", slot.name, slot.why);
  const auto rows = co_await connection.query(
      "SELECT active, CASE WHEN active THEN NULL ELSE pg_catalog.pg_drop_replication_slot(slot_name) END"
      " FROM pg_catalog.pg_replication_slots WHERE slot_name = " +
          quote_literal(slot.name),
      slot_query_timeout);
  if (!rows) co_return std::unexpected(rows.error());
  if (rows->empty()) co_return Result<void>();
  if (rows->front().front() == "t") {
    log::warning("Unable to drop replication slot '{}', slot is active", slot.name);
  } else {
    log::info("Dropped replication slot '{}'", slot.name);
  }
  co_return Result<void>();
}

awaitable<Result<void>> create_one(Connection& connection, core::SlotSpec slot) {
  const auto name = quote_literal(slot.name);
  const auto call = slot.physical
                        ? "pg_create_physical_replication_slot(" + name + ", true)"
                        : "pg_create_logical_replication_slot(" + name + ", " + quote_literal(slot.plugin) + ")";
  const auto rows = co_await connection.query(
      "SELECT pg_catalog." + call +
          " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = " + name + ")",
      slot.physical ? slot_query_timeout : creation_timeout);
  if (!rows) {
    co_return core::fail(fmt::format("Failed to create {} replication slot '{}': {}",
                                     slot.physical ? "physical" : "logical", slot.name, rows.error().what));
  }
  if (!rows->empty()) log::info("Created {} replication slot '{}'", slot.physical ? "physical" : "logical", slot.name);
  co_return Result<void>();
}

template <class Slot>
Result<void> unreachable_slot(const Slot& slot, const core::Error& error) {
  if (slot.database.empty()) return core::fail(fmt::format("replication slot '{}': {}", slot.name, error.what));
  return core::fail(fmt::format("replication slot '{}' of database '{}': {}", slot.name, slot.database, error.what));
}

// A connection to the database of a slot. It is kept for further slots of the same database.
class SlotSession {
 public:
  explicit SlotSession(Node& node) : node_(node), connection_(node.executor) {}
  awaitable<core::Result<Connection*>> in(std::string database) {
    if (database.empty()) database = node_.local.postgresql.database;
    if (!connection_.is_open() || database != database_) {
      connection_.close();
      if (auto opened = co_await node_.access.open_local(connection_, slot_query_timeout, database); !opened) {
        co_return std::unexpected(opened.error());
      }
      database_ = database;
    }
    co_return &connection_;
  }

 private:
  Node& node_;
  Connection connection_;
  std::string database_;
};

}  // namespace

awaitable<core::Result<std::map<std::string, std::optional<core::Xid>>>> ask_leader_slots(
    Node& node, core::Upstream leader, std::vector<std::string> slots) {
  Connection connection(node.executor);
  const auto& credentials = node.access.rewind_credentials(node.data.major_version());
  const auto opened = co_await node.access.open_remote(connection, leader, credentials, false, slot_query_timeout);
  if (!opened) co_return std::unexpected(opened.error());
  std::string names;
  for (const auto& slot : slots) names += (names.empty() ? "" : ",") + quote_literal(slot);
  const auto rows = co_await connection.query(
      "SELECT slot_name, catalog_xmin FROM pg_catalog.pg_get_replication_slots()"
      " WHERE NOT pg_catalog.pg_is_in_recovery() AND slot_name IN (" +
          names + ")",
      slot_query_timeout);
  if (!rows) co_return std::unexpected(rows.error());
  std::map<std::string, std::optional<core::Xid>> found;
  for (const auto& row : *rows) found[row[0].value_or("")] = row[1] ? parse_xid(*row[1]) : std::nullopt;
  co_return found;
}

// Changes the slots one by one. A slot that fails does not prevent the changes of the others.
awaitable<Result<void>> change_slots(Node& node, std::vector<core::SlotSpec> create, std::vector<core::SlotDrop> drop) {
  SlotSession session(node);
  Result<void> result;
  for (auto& slot : drop) {
    const auto connection = co_await session.in("");
    if (!connection) co_return std::unexpected(connection.error());
    if (auto done = co_await drop_one(**connection, slot); !done) result = done;
  }
  for (auto& slot : create) {
    const auto connection = co_await session.in(slot.database);
    auto done = connection ? co_await create_one(**connection, slot) : unreachable_slot(slot, connection.error());
    if (!done) result = done;
  }
  co_return result;
}

awaitable<Result<void>> move_slots(Node& node, std::vector<core::SlotAdvance> slots) {
  SlotSession session(node);
  Result<void> result;
  for (const auto& slot : slots) {
    const auto connection = co_await session.in(slot.database);
    if (!connection) {
      result = unreachable_slot(slot, connection.error());
      continue;
    }
    const auto position = quote_literal(core::format_lsn(slot.to));
    const auto done = co_await (*connection)
                          ->query("SELECT pg_catalog.pg_replication_slot_advance(slot_name, " + position +
                                      ") FROM pg_catalog.pg_replication_slots WHERE NOT active AND slot_name = " +
                                      quote_literal(slot.name),
                                  slot.database.empty() ? slot_query_timeout : decoding_timeout);
    if (!done) {
      result = core::fail(fmt::format("Failed to advance replication slot '{}' to {}: {}", slot.name,
                                      core::format_lsn(slot.to), done.error().what));
    }
  }
  co_return result;
}

namespace {

struct SlotFile {
  std::string name, content;
};

std::string from_hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1])));
  }
  return bytes;
}

awaitable<core::Result<std::vector<SlotFile>>> read_slot_files(Node& node, core::Upstream from,
                                                               std::vector<core::SlotSpec> slots) {
  const int version = node.data.major_version();
  Connection connection(node.executor);
  const auto opened = co_await node.access.open_remote(connection, from, node.access.rewind_credentials(version), false,
                                                       slot_query_timeout);
  if (!opened) co_return std::unexpected(opened.error());
  std::string names;
  for (const auto& slot : slots) names += (names.empty() ? "" : ",") + quote_literal(slot.name);
  const std::string question =
      "SELECT slot_name, slot_type, datname, plugin, pg_catalog.encode(pg_catalog.pg_read_binary_file("
      "'pg_replslot/' || slot_name || '/state'), 'hex') FROM pg_catalog.pg_get_replication_slots()"
      " JOIN pg_catalog.pg_database ON datoid = oid WHERE NOT pg_catalog.pg_is_in_recovery() AND slot_name IN (" +
      names + ")" + (core::features::has_failover_slots(version) ? " AND NOT failover" : "");
  const auto rows = co_await connection.query(question, slot_query_timeout);
  if (!rows) co_return std::unexpected(rows.error());
  std::vector<SlotFile> files;
  for (const auto& row : *rows) {
    for (const auto& slot : slots) {
      if (row[0] != slot.name) continue;
      if (row[1] == "logical" && row[2] == slot.database && row[3] == slot.plugin) {
        files.push_back({slot.name, from_hex(row[4].value_or(""))});
      } else {
        log::warning("Will not copy the logical slot \"{}\" due to the configuration mismatch: {} {} {} on the primary",
                     slot.name, row[1].value_or(""), row[2].value_or(""), row[3].value_or(""));
      }
    }
  }
  co_return files;
}

// Writes the slot's state file. PostgreSQL removes *.tmp when it starts, so an interruption leaves nothing behind.
Result<void> write_slot(const std::string& folder, const SlotFile& slot) {
  const std::string target = folder + "/" + slot.name, temporary = target + ".tmp";
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0) return core::fail("cannot read " + folder + ": " + std::strerror(errno));
  const mode_t mode = status.st_mode & 0777;
  std::error_code error;
  std::filesystem::remove_all(temporary, error);
  if (::mkdir(temporary.c_str(), mode) != 0)
    return core::fail("cannot make " + temporary + ": " + std::strerror(errno));
  ::chmod(temporary.c_str(), mode);
  if (auto written = write_file(temporary + "/state", slot.content, mode & 0666); !written) return written;
  std::filesystem::remove_all(target, error);
  return rename_path(temporary, target);
}

}  // namespace

awaitable<Result<void>> copy_logical_slots(Node& node, core::Upstream from, std::vector<core::SlotSpec> slots) {
  const auto files = co_await read_slot_files(node, from, std::move(slots));
  if (!files) co_return core::fail("Failed to copy logical slots from the " + from.member + ": " + files.error().what);
  if (files->empty())
    co_return core::fail("Failed to copy logical slots from the " + from.member + ": it has none of them");
  if (auto stopped = co_await stop_server(node, core::StopMode::fast, false, 0s); !stopped) co_return stopped;
  for (const auto& slot : *files) {
    const auto write = [folder = node.paths.in_data_dir("pg_replslot"), slot] { return write_slot(folder, slot); };
    if (auto written = co_await net::on_disk_thread(write); !written) co_return written;
    log::info("Copied logical replication slot '{}' from {}", slot.name, from.member);
  }
  co_return Result<void>();
}

}  // namespace tamada::postgres
