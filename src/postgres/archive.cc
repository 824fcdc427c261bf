// Archives the last WAL segment of a primary that becomes a standby of another cluster. PostgreSQL archives all
// segments except the one with the shutdown checkpoint. A standby that gets its WAL only from the archive would be
// promoted before that record, and this server would have to be rewound. Source: Patroni's demote-cluster; for the
// placeholders PostgreSQL's archive_command.
#include "net/log.h"
#include "net/process.h"
#include "postgres/node.h"

namespace tamada::postgres {
namespace {

using namespace std::chrono_literals;

std::string filled_in(std::string_view command, const std::string& path, const std::string& file) {
  std::string text;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char next = command[i] == '%' && i + 1 < command.size() ? command[i + 1] : '\0';
    if (next == 'p') {
      text += path;
    } else if (next == 'f') {
      text += file;
    } else {
      text += command[i];
      if (next != '%') continue;
    }
    ++i;
  }
  return text;
}

}  // namespace

awaitable<Result<void>> archive_shutdown_checkpoint(Node& node) {
  const auto parameters = node.configuration.server(node.data.major_version()).parameters;
  const auto value = [&parameters](const char* name) {
    const auto it = parameters.find(name);
    return it == parameters.end() ? std::string() : it->second;
  };
  const auto mode = value("archive_mode"), command = value("archive_command");
  if ((mode != "on" && mode != "always") || command.empty()) {
    log::info("Not archiving latest checkpoint WAL file. Archiving is not configured.");
    co_return Result<void>();
  }
  const auto look = co_await node.data.look(true, 10s);
  if (!look.control || look.control->redo_wal_file.empty() ||
      look.control->file.state != core::ControlState::shut_down) {
    co_return core::fail("cannot archive the WAL file of the shutdown checkpoint: it was no clean shutdown");
  }
  const auto& file = look.control->redo_wal_file;
  const auto path = node.paths.in_data_dir("pg_wal/" + file);
  net::SpawnOptions options{
      .argv = {"/bin/sh", "-c", "cd \"$0\" || exit; " + filled_in(command, path, file), node.paths.data_dir},
      .capture = true};
  const auto done = co_await net::run(std::move(options), 60s);
  if (!done) co_return std::unexpected(done.error());
  if (!done->ok()) {
    co_return core::fail("Failed to archive WAL file with the shutdown checkpoint: " + last_lines(done->output));
  }
  log::info("Archived {}, which has the shutdown checkpoint", file);
  co_return Result<void>();
}

}  // namespace tamada::postgres
