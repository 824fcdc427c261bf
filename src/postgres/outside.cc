#include "postgres/outside.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstring>
#include <sstream>

#include "core/server_features.h"
#include "core/stuck_disk.h"
#include "net/boot_timer.h"
#include "net/disk.h"
#include "postgres/files.h"
#include "postgres/node.h"

namespace tamada::postgres {
namespace {

using namespace std::chrono_literals;

constexpr core::Duration again_when_silent = 1s;
constexpr core::Duration connect_patience = 3s;
constexpr core::Duration slow_write = 1s;
constexpr core::Duration commit_patience = 1h;  // a commit that hangs keeps one connection of the server in use
// A file system is nearly full if both limits are passed, because 5 % of a large one is much, and a small one never has
// much free space.
constexpr double nearly_full = 0.05;
constexpr std::uint64_t nearly_full_bytes = std::uint64_t{1} << 30;
constexpr std::uint64_t nearly_full_files = 1000;

core::Instant boot_now() { return net::KernelBootClock::now(); }

// The query for errors in the server's files and failures of its archiver. In PostgreSQL's words, a parameter that
// waits for a restart is one "that could not be applied", so such parameters are left out.
std::string server_problems_query(int version) {
  std::string query =
      "SELECT 'access', pg_catalog.regexp_replace(f.sourcefile, '^.*/', '') || ' line ' || f.sourceline || ': ' || "
      "COALESCE(f.name || ': ', '') || f.error FROM pg_catalog.pg_file_settings f WHERE f.error IS NOT NULL AND "
      "f.sourcefile "
      "IS NOT NULL AND NOT "
      "EXISTS (SELECT FROM pg_catalog.pg_settings s WHERE s.pending_restart AND pg_catalog.lower(s.name) = "
      "pg_catalog.lower(f.name)) "
      "UNION ALL SELECT 'archive', 'archive_command fails for ' || last_failed_wal FROM pg_catalog.pg_stat_archiver "
      "WHERE last_failed_time > COALESCE(last_archived_time, '-infinity') AND pg_catalog.current_setting("
      "'archive_mode') = CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'always' WHEN pg_catalog.current_setting("
      "'archive_mode') = 'always' THEN 'always' ELSE 'on' END";
  if (core::features::shows_hba_mistakes(version)) {
    query +=
        " UNION ALL SELECT 'access', 'pg_hba.conf line ' || line_number || ': ' || error FROM "
        "pg_catalog.pg_hba_file_rules WHERE error IS NOT NULL";
  }
  if (core::features::shows_ident_mistakes(version)) {
    query +=
        " UNION ALL SELECT 'access', 'pg_ident.conf line ' || line_number || ': ' || error FROM "
        "pg_catalog.pg_ident_file_mappings WHERE error IS NOT NULL";
  }
  return query;
}

// Asks for the server's parameters. Those with the context internal are left out, because nobody can set them.
awaitable<wire::ServerParameters> ask_parameters(Connection& connection) {
  const auto rows = co_await connection.query(
      "SELECT name, vartype, unit, min_val, max_val, pg_catalog.array_to_string(enumvals, E'\\n') "
      "FROM pg_catalog.pg_settings WHERE context <> 'internal' ORDER BY 1",
      connect_patience);
  wire::ServerParameters result;
  if (!rows) co_return result;
  for (const auto& row : *rows) {
    result.push_back({.name = row[0].value_or(""),
                      .vartype = row[1].value_or(""),
                      .unit = row[2].value_or(""),
                      .min = row[3].value_or(""),
                      .max = row[4].value_or(""),
                      .words = {}});
    std::istringstream words(row[5].value_or(""));
    for (std::string word; std::getline(words, word);) result.back().words.push_back(word);
  }
  co_return result;
}

// Says that the file system has little space or few inodes left, in a text that does not change with each byte; empty
// when it has enough.
std::string short_of_space(const std::string& directory, const std::string& what) {
  struct statvfs found{};
  if (::statvfs(directory.c_str(), &found) != 0 || found.f_blocks == 0) return "";
  const auto few = [](auto left, auto all) {
    return static_cast<double>(left) < nearly_full * static_cast<double>(all);
  };
  if (few(found.f_bavail, found.f_blocks) && found.f_bavail * found.f_frsize < nearly_full_bytes) {
    return fmt::format("the file system of {} is nearly full", what);
  }
  if (found.f_files > 0 && few(found.f_favail, found.f_files) && found.f_favail < nearly_full_files) {
    return fmt::format("the file system of {} has hardly any inodes left", what);
  }
  return "";
}

bool same_device(const std::string& a, const std::string& b) {
  struct stat first{}, second{};
  return ::stat(a.c_str(), &first) != 0 || ::stat(b.c_str(), &second) != 0 || first.st_dev == second.st_dev;
}

// The number of bytes that PostgreSQL may still write there.
std::optional<std::uint64_t> free_space(const std::string& directory) {
  struct statvfs found{};
  if (::statvfs(directory.c_str(), &found) != 0) return std::nullopt;
  return found.f_bavail * found.f_frsize;
}

struct DiskFacts {
  core::Duration took{};
  std::optional<std::uint64_t> wal_space;
  core::Problems problems;
};

DiskFacts look_at_disks(const std::string& data_dir, const std::string& log_dir) {
  DiskFacts facts;
  const auto add = [&facts](std::string text) {
    if (!text.empty()) facts.problems.push_back({.kind = core::ProblemKind::disk, .text = std::move(text)});
  };
  const auto examine = [&](const std::string& directory, const std::string& what) {
    const auto took = write_and_flush(directory);
    if (!took) return add(fmt::format("nothing can be written into {}: {}", what, took.error().what));
    facts.took = std::max(facts.took, *took);
    if (*took >= slow_write) add(fmt::format("a small write into {} takes more than 1 s", what));
    add(short_of_space(directory, what));
  };
  const auto wal = data_dir + "/pg_wal";
  examine(data_dir, "the data directory");
  if (exists(wal) && !same_device(wal, data_dir)) examine(wal, "pg_wal");
  facts.wal_space = free_space(wal);
  if (!log_dir.empty() && !same_device(log_dir, data_dir)) add(short_of_space(log_dir, "log.dir"));
  return facts;
}

}  // namespace

// Writes a new file each time, because an existing file that has its blocks already can be written on a full disk. Base
// backups and pg_rewind leave a file of this name out.
core::Result<core::Duration> write_and_flush(const std::string& directory) {
  const auto path = directory + "/pgsql_tmp.tamada";
  const auto began = boot_now();
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return core::fail(std::strerror(errno));
  const std::array<char, 8192> page{};
  int error = 0;
  const auto written = ::write(fd, page.data(), page.size());
  if (written != static_cast<ssize_t>(page.size())) error = written < 0 ? errno : ENOSPC;
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  ::close(fd);
  ::unlink(path.c_str());
  if (error != 0) return core::fail(std::strerror(error));
  return boot_now() - began;
}

Outside::Outside(Node& node) : node_(node) {}

void Outside::look(bool accepts, bool primary, int postmaster, core::Duration heartbeat) {
  const auto now = boot_now();
  if (connecting_->postmaster != postmaster) {  // a running attempt belongs to the former postmaster
    connecting_ = std::make_shared<Connecting>();
    connecting_->postmaster = postmaster;
    committing_ = std::make_shared<Committing>();
  }
  auto& server = *connecting_;
  if (!accepts) server.silent_since.reset();
  const auto every = server.silent_since ? std::min(heartbeat, again_when_silent) : heartbeat;
  if (accepts && !server.running && now - server.began_at >= every) {
    server.running = true;
    server.began_at = now;
    asio::co_spawn(node_.executor, connect(node_, connecting_), asio::detached);
  }
  if (postmaster != 0 && !writing_->running && now - writing_->began_at >= heartbeat) {
    writing_->running = true;
    writing_->began_at = now;
    asio::co_spawn(node_.executor, write(node_, writing_), asio::detached);
  }
  const bool doubtful = writing_->running && now - writing_->began_at >= core::slow_flush;
  if (doubtful && primary && !committing_->running) {
    committing_->running = true;
    asio::co_spawn(node_.executor, commit(node_, committing_), asio::detached);
  }
}

awaitable<void> Outside::connect(Node& node, std::shared_ptr<Connecting> state) {
  Connection connection(node.executor);
  const auto opened = co_await node.access.open_local(connection, connect_patience);
  if (!opened) {
    // EAGAIN means a unix socket with a full queue, because the postmaster accepts no connections.
    const bool silent = connection.timed_out() || opened.error().what.contains(std::strerror(EAGAIN));
    if (!silent) {
      state->silent_since.reset();
    } else if (!state->silent_since) {
      state->silent_since = state->began_at;
    }
    state->error = silent ? "" : opened.error().what.substr(0, opened.error().what.find('\n'));
    state->running = false;
    co_return;
  }
  state->silent_since.reset();
  state->error.clear();
  const auto rows = co_await connection.query(server_problems_query(connection.server_version()), connect_patience);
  if (rows) {
    state->problems.clear();
    for (const auto& row : *rows) {
      if (const auto kind = core::problem_kind(row[0].value_or("")))
        state->problems.push_back({*kind, row[1].value_or("")});
    }
  }
  if (state->parameters.empty()) state->parameters = co_await ask_parameters(connection);
  state->running = false;
}

awaitable<void> Outside::write(Node& node, std::shared_ptr<Writing> state) {
  auto look = [data_dir = node.paths.data_dir, log_dir = node.local.log.dir] {
    return look_at_disks(data_dir, log_dir);
  };
  auto facts = co_await net::on_thread(net::disk_probe_thread(), std::move(look));
  state->took = facts.took;
  state->wal_space = facts.wal_space;
  state->problems = std::move(facts.problems);
  state->running = false;
}

awaitable<void> Outside::commit(Node& node, std::shared_ptr<Committing> state) {
  Connection connection(node.executor);
  const auto opened = co_await node.access.open_local(connection, connect_patience);
  if (opened) {
    const bool local = (co_await connection.query("SET synchronous_commit = local", connect_patience)).has_value();
    if (local) {
      state->sent_at = boot_now();
      (void)co_await connection.query("SELECT pg_catalog.pg_logical_emit_message(true, 'tamada', 'disk')",
                                      commit_patience);
      state->sent_at.reset();
    }
  }
  state->running = false;
}

void Outside::tell(core::PostgresView& view) const {
  const auto& server = *connecting_;
  view.silent_since = server.silent_since;
  view.connect_error = server.error;
  view.problems = server.problems;
  if (writing_->running) view.disk_write_since = writing_->began_at;
  view.commit_since = committing_->sent_at;
  view.disk_write = writing_->took;
  view.wal_space = writing_->wal_space;
  if (writing_->running && boot_now() - writing_->began_at >= core::slow_flush) {
    view.problems.push_back({core::ProblemKind::disk, std::string(core::unended_write)});
    return;
  }
  view.problems.insert(view.problems.end(), writing_->problems.begin(), writing_->problems.end());
}

}  // namespace tamada::postgres
