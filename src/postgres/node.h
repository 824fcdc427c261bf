// The parts of LocalPostgres and its jobs, and the functions of the jobs.
#pragma once

#include <sys/stat.h>

#include <set>
#include <string>

#include "core/server_features.h"
#include "net/boot_timer.h"
#include "net/event.h"
#include "postgres/access.h"
#include "postgres/configuration.h"
#include "postgres/data_directory.h"
#include "postgres/postgres.h"
#include "postgres/recovery_conf.h"
#include "postgres/server.h"

namespace tamada::postgres {

struct Node {
  Node(asio::any_io_executor given, const config::Local& file, Dynamic dynamic)
      : executor(std::move(given)),
        local(file),
        paths(file.postgresql),
        data(paths),
        configuration(file, std::move(dynamic), paths),
        recovery_conf(paths),
        access(executor, file, paths),
        server(executor, paths),
        slow_write{.ended = net::Event(executor)} {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  asio::any_io_executor executor;
  const config::Local& local;
  Paths paths;
  DataDirectory data;
  Configuration configuration;
  RecoveryConf recovery_conf;
  Access access;
  Server server;
  // Whether the running server has read the present files. This is false for a server that was found running, because a
  // daemon that was killed may have written the files without a reload.
  bool files_are_loaded = false;
  void load_files() {
    server.reload();
    files_are_loaded = true;
  }
  // For a server that was found running: whether the file with the settings of recovery was written after the server's
  // start.
  bool written_since_start(int version) const {
    struct stat status{};
    const auto& file = !core::features::has_standby_signal(version) ? paths.recovery_conf : paths.conf;
    const auto pid = read_postmaster_pid(paths.data_dir);
    return pid && ::stat(file.c_str(), &status) == 0 && status.st_mtim.tv_sec > pid->start_time;
  }
  Progress progress;
  std::string copy_error;  // the error of the last copy, which is tried again and again; empty when it succeeded
  // The state of write_soon.
  struct SlowWrite {
    net::Event ended;
    bool running = false, waited_for = false;
    Result<bool> result = false;
  };
  SlowWrite slow_write;
  std::set<std::string> told;
  bool first_time(std::string text) { return told.insert(std::move(text)).second; }
  void step(std::string what) { progress = {.what = std::move(what), .since = net::KernelBootClock::now()}; }
};

// Runs `work`. If it fails or is cancelled, the server is stopped at once, so that no part of the work goes on.
awaitable<Result<void>> or_stop_server(Node& node, awaitable<Result<void>> work);

awaitable<Result<void>> start_server(Node& node, std::optional<core::Upstream> upstream, Duration timeout);
awaitable<Result<void>> stop_server(Node& node, core::StopMode mode, bool checkpoint_first, Duration timeout);
awaitable<Result<void>> promote_server(Node& node);
awaitable<Result<void>> bootstrap_cluster(Node& node);
// Runs the operator's bootstrap.method. The result is a primary that lets connections from this host in without a
// password. When the roles have passwords, end_restore() restores the configured access.
awaitable<Result<void>> restore_cluster(Node& node);
awaitable<Result<void>> end_restore(Node& node);
// Prepares for a copy or an initdb: checks that no server runs there, makes room, and marks the directory as
// incomplete. stay_empty: the mark is beside the data directory, not in it.
awaitable<Result<void>> prepare_data_directory(Node& node, const char* what, bool stay_empty = false);
awaitable<Result<void>> copy_from(Node& node, core::Upstream upstream);
// Copies only what has changed since, and takes the rest from the data that the copy replaces. An error if that is not
// possible or not safe.
awaitable<Result<void>> copy_increment_from(Node& node, core::Upstream upstream);
// Uses the first of these methods that succeeds. If the list is empty, create_replica_methods is used. Without an
// upstream, only methods that need none are used.
awaitable<Result<void>> create_replica(Node& node, core::Upstream upstream, std::vector<std::string> names);
awaitable<Result<void>> rewind_to(Node& node, core::Upstream upstream);
// Judges the result of a pg_rewind whose end no daemon saw, because the daemon that ran it had ended.
awaitable<void> judge_former_rewind(Node& node);
awaitable<Result<void>> change_slots(Node& node, std::vector<core::SlotSpec> create, std::vector<core::SlotDrop> drop);
awaitable<Result<void>> move_slots(Node& node, std::vector<core::SlotAdvance> slots);
awaitable<Result<void>> copy_logical_slots(Node& node, core::Upstream from, std::vector<core::SlotSpec> slots);
awaitable<Result<std::map<std::string, std::optional<core::Xid>>>> ask_leader_slots(Node& node, core::Upstream leader,
                                                                                    std::vector<std::string> slots);
awaitable<core::UpstreamView> ask_server(Node& node, core::Upstream upstream, Duration timeout);
// The timelines in the history of the local WAL, up to `timeline`, and how each began, as far as that is known.
core::Timelines timelines_of(const Node& node, core::Timeline timeline, core::Lsn written, const WalFormat& wal);
// The file in the data directory with the identities of timelines, which are kept because old WAL is removed.
// pg_basebackup and pg_rewind copy it from the server whose history they copy.
inline constexpr auto remembered_timelines = "tamada.timelines";
core::Timelines parse_remembered_timelines(const std::string& content);
awaitable<std::optional<bool>> timeline_begins_alike(Node& node, core::Upstream other, core::Timeline timeline,
                                                     core::Lsn from, Duration timeout);

// These write the marks of DataDirectory on the disk's thread. The marks are durable when the functions return.
awaitable<Result<void>> mark_incomplete(Node& node, std::string what, std::vector<Unfinished::Place> places = {},
                                        bool stay_empty = false);
awaitable<Result<void>> mark_complete(Node& node);

// For writes for which the cycle, and so the lease, waits: an error if the disk takes longer than a second. The write
// then goes on, and the server loads the file when it ends.
awaitable<Result<bool>> write_soon(Node& node, awaitable<Result<bool>> write);
// asked: the server reads its files again even if none of them has changed.
awaitable<Result<bool>> apply_configuration(Node& node, bool asked);
// Returns once the names are in force, also for commits that are waiting.
awaitable<Result<void>> set_synchronous_standby_names(Node& node, std::string names);
// If the configuration has parameters that our table lacks, asks the program postgres which ones it knows.
awaitable<void> learn_parameters(Node& node, int server_version);
// Why a start with these arguments has failed, in PostgreSQL's words with file and line; empty if that is not known. If
// the reason is a value of our configuration, that value is left out from then on.
awaitable<std::string> why_start_failed(Node& node, std::vector<std::string> argv);
awaitable<void> pause(Duration duration);
awaitable<Result<void>> archive_shutdown_checkpoint(Node& node);

// Runs CHECKPOINT on a connection of its own.
awaitable<Result<void>> run_checkpoint(Node& node, Duration timeout);

// The last lines of a program's output, for an error message.
std::string last_lines(const std::string& output, std::size_t lines = 5);

}  // namespace tamada::postgres
