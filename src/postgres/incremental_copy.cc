// Copies another server by an incremental backup: what has changed comes from the server, the rest from the old data
// that the copy replaces. The old data are only read. Source: PostgreSQL, "pg_basebackup", option --incremental;
// "pg_combinebackup".
#include <filesystem>

#include "core/incremental.h"
#include "net/disk.h"
#include "net/log.h"
#include "net/process.h"
#include "postgres/backup_manifest.h"
#include "postgres/base_backup.h"
#include "postgres/files.h"

namespace tamada::postgres {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr int first_version = 170000;  // PostgreSQL's first with incremental backups
constexpr auto label_file = "backup_label";

struct Old {
  std::string directory;
  ControlData control;
};

// Where the backup, and links to the old data, are while the copy is made.
struct Workplace {
  explicit Workplace(const std::string& data_dir)
      : increment(held(data_dir, increment_in_holder)), base(held(data_dir, base_in_holder)) {}
  std::string manifest() const { return base + "/backup_manifest_of_old_data"; }
  std::vector<std::string> directories() const { return {increment, base}; }
  std::string increment, base;
};

// The newest of the data directories that were set aside for a copy.
awaitable<Result<Old>> find_old(Node& node) {
  std::string directory;
  for (const auto& one : node.data.superseded().directories()) {
    if (exists(one + "/global/pg_control") && exists(one + "/base")) directory = one;
  }
  if (directory.empty()) co_return core::fail("there are no old data");
  for (const char* name : {label_file, "tablespace_map"}) {
    if (exists(directory + "/" + name)) co_return core::fail("the old data are an unfinished copy");
  }
  const auto read = co_await net::run({.argv = {node.paths.program("pg_controldata"), directory},
                                       .env = {{"LC_ALL", "C"}, {"LANG", "C"}},
                                       .capture = true},
                                      10s);
  if (!read) co_return std::unexpected(read.error());
  auto control = read->ok() ? parse_controldata(read->output) : std::nullopt;
  if (!control) co_return core::fail("the control file of the old data cannot be read: " + last_lines(read->output));
  co_return Old{.directory = std::move(directory), .control = *std::move(control)};
}

// Both programs would need to be told where tablespaces and a separate WAL directory go; that is not done here.
std::string unsupported_layout(const Node& node, const Old& old, std::size_t tablespaces) {
  if (tablespaces != 0 || !entries_of(old.directory + "/pg_tblspc").empty()) return "there are tablespaces";
  for (const auto& option : node.local.postgresql.basebackup_options) {
    if (option.starts_with("--waldir")) return "pg_wal is to be a directory of its own (--waldir)";
  }
  return "";
}

struct Source {
  core::BackupSource facts;
  std::size_t tablespaces = 0;
};

awaitable<Result<Source>> ask_source(Node& node, core::Upstream upstream) {
  auto view = co_await ask_server(node, upstream, 10s);
  if (!view.reachable) co_return core::fail(view.error);
  Connection connection(node.executor);
  const auto credentials = node.access.rewind_credentials(first_version);
  if (auto opened = co_await node.access.open_remote(connection, upstream, credentials, false, 10s); !opened) {
    co_return std::unexpected(opened.error());
  }
  if (connection.server_version() < first_version) {
    co_return core::fail("PostgreSQL has incremental backups from version 17 on");
  }
  const auto rows = co_await connection.query(
      "SELECT pg_catalog.current_setting('data_checksums'), pg_catalog.current_setting('summarize_wal'), "
      "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_tablespace) - 2",
      10s);
  if (!rows) co_return std::unexpected(rows.error());
  const auto& row = rows->front();
  if (row[1] != "on") co_return core::fail("the parameter summarize_wal is off on " + upstream.member);
  Source result{.facts = {.system_identifier = view.system_identifier,
                          .timeline = view.timeline,
                          .lsn = view.lsn,
                          .history = std::move(view.history),
                          .data_checksums = row[0] == "on"},
                .tablespaces = row[2] == "0" ? 0u : 1u};
  // A server without the file is on timeline 1, or another program manages it.
  const auto remembered = co_await connection.query(
      fmt::format("SELECT pg_catalog.convert_from(pg_catalog.pg_read_binary_file('{}', 0, 1048576, true), 'SQL_ASCII')",
                  remembered_timelines),
      10s);
  if (remembered && !remembered->empty()) {
    result.facts.timelines = parse_remembered_timelines(remembered->front().front().value_or(""));
  }
  co_return result;
}

// Makes what pg_combinebackup takes for the older backup: links to the old data, with a label of our own.
Result<void> describe_old(const Old& old, const core::IncrementalBase& base, const Workplace& place) {
  auto files = files_of_relations(old.directory);
  if (!files) return std::unexpected(files.error());
  std::error_code error;
  fs::create_directories(place.base + "/pg_tblspc", error);
  for (const char* name : {"base", "global", "PG_VERSION"}) {
    if (!error) fs::create_symlink(old.directory + "/" + name, place.base + "/" + name, error);
  }
  if (error) return core::fail("cannot make " + place.base + ": " + error.message());
  const auto label = backup_label(base, old.control.file.checkpoint, old.control.redo_wal_file);
  if (auto written = write_file(place.base + "/" + label_file, label, 0600); !written) return written;
  return write_file(place.manifest(), backup_manifest(old.control.file.system_identifier, base, *files), 0600);
}

awaitable<Result<void>> combine(Node& node, const Workplace& place, std::string to) {
  node.step("pg_combinebackup");
  const auto combined = co_await net::run(
      {.argv = {node.paths.program("pg_combinebackup"), "--no-manifest", "--output=" + to, place.base, place.increment},
       .capture = true},
      0s);
  if (!combined) co_return std::unexpected(combined.error());
  if (combined->ok()) co_return Result<void>();
  co_return core::fail(
      fmt::format("pg_combinebackup ended with {}: {}", combined->status, last_lines(combined->output)));
}

// Makes the holder in the data directory, so that the copy is made in it, too, and moves to its place when it is whole.
Result<void> make_workplace(const std::string& data_dir) {
  std::error_code error;
  fs::create_directories(data_dir, error);
  if (error) return core::fail("cannot make " + data_dir + ": " + error.message());
  return make_holder(data_dir);
}

awaitable<Result<void>> back_up_and_combine(Node& node, core::Upstream upstream, Old old, core::IncrementalBase base,
                                            Workplace place, std::string to) {
  auto server = co_await source_of_backup(node, upstream);
  if (!server) co_return std::unexpected(server.error());
  auto described = co_await net::on_disk_thread([old, base, place] { return describe_old(old, base, place); });
  if (!described) co_return described;
  log::info(
      "copying from {} what has changed since {} on timeline {}, by an incremental backup; the rest is taken from {}",
      upstream.member, core::format_lsn(base.redo), base.timeline, old.directory);
  auto arguments = node.local.postgresql.basebackup_options;
  for (const auto& argument : {"--pgdata=" + place.increment, "--incremental=" + place.manifest(), *server}) {
    arguments.push_back(argument);
  }
  if (auto copied = co_await run_basebackup(node, std::move(arguments)); !copied) co_return copied;
  log::info("the incremental backup from {} has {} MB", upstream.member, node.progress.bytes_done / 1048576);
  co_return co_await combine(node, place, std::move(to));
}

}  // namespace

awaitable<Result<void>> copy_increment_from(Node& node, core::Upstream upstream) {
  if (!node.local.postgresql.keep_replaced_data) {
    co_return core::fail("keep_replaced_data is off, so the old data are removed before the copy");
  }
  const auto source = co_await ask_source(node, upstream);
  if (!source) co_return std::unexpected(source.error());
  if (auto prepared = co_await prepare_data_directory(node, "incremental"); !prepared) co_return prepared;
  const auto old = co_await find_old(node);
  if (!old) co_return std::unexpected(old.error());
  if (auto why = unsupported_layout(node, *old, source->tablespaces); !why.empty()) co_return core::fail(why);
  const core::OldData data{
      .control = old->control.file,
      .timelines = parse_remembered_timelines(read_file(old->directory + "/" + remembered_timelines).value_or(""))};
  const auto base = core::incremental_base(data, source->facts);
  if (!base) co_return core::fail("the old data cannot be used: " + base.error().what);

  const Workplace place(node.paths.data_dir);
  if (auto made = co_await net::on_disk_thread([path = node.paths.data_dir] { return make_workplace(path); }); !made) {
    co_return made;
  }
  const auto places = co_await find_places(node, upstream);
  if (!places) co_return std::unexpected(places.error());
  auto copied = co_await back_up_and_combine(node, upstream, *old, *base, place, places->data_dir_writes());
  auto removed = co_await remove_directories(place.directories());
  if (!copied) co_return copied;
  if (!removed) co_return removed;
  co_return co_await finish_copy(node, *places);
}

}  // namespace tamada::postgres
