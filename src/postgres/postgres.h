// Control of the local PostgreSQL server. The simulator implements the same interface.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/action.h"
#include "core/observation.h"
#include "core/postgres_view.h"
#include "net/asio.h"
#include "wire/server_parameter.h"

namespace tamada::postgres {

using core::Duration;
using core::Result;

// The progress of a job's last step. It stays until the next step begins.
struct Progress {
  std::string what;                               // "pg_basebackup", "checkpoint", "shutdown"; empty when there was no
                                                  // step yet
  core::Instant since{};                          // when that step began
  std::uint64_t bytes_done = 0, bytes_total = 0;  // total is 0 when not known
};

class Postgres {
 public:
  virtual ~Postgres() = default;

  // ---- observing

  // Never fails; facts that cannot be learned within `timeout` are absent from the view. At each heartbeat it also
  // tests the server from outside, by a new connection and a small write.
  virtual awaitable<core::PostgresView> observe(Duration timeout, Duration heartbeat) = 0;
  // The callback is called at once when the postmaster ends, whoever started it, and when the connection of a
  // synchronous standby ends.
  virtual void on_exit(std::function<void()> callback) = 0;
  // Asks another server over a replication connection for its timeline, position and timeline history.
  virtual awaitable<core::UpstreamView> ask(core::Upstream upstream, Duration timeout) = 0;

  // ---- long work, which runs as a job. Asio's cancellation cancels it, and nothing of it goes on after that.

  // Makes a cluster by initdb, configuration files, first start, users and post_bootstrap. It ends with a running
  // primary. On failure the server is stopped, and the data directory stays where it is.
  virtual awaitable<Result<void>> bootstrap() = 0;
  // Copies upstream into the data directory, which is absent or incomplete, by the first of `methods` that succeeds;
  // empty: by those of the node's configuration. The copy can then be started as a standby.
  virtual awaitable<Result<void>> basebackup(core::Upstream upstream, std::vector<std::string> methods) = 0;
  // Runs pg_rewind against upstream, after every precondition was checked. The server must be stopped.
  virtual awaitable<Result<void>> rewind(core::Upstream upstream) = 0;
  // Writes the configuration and starts the server. Returns when the server accepts connections, when it has ended, or
  // when `timeout` (0: no limit) has passed. upstream: the server to follow; nullptr: start as a primary. A standby
  // with an empty upstream follows no server.
  virtual awaitable<Result<void>> start(const core::Upstream* upstream, Duration timeout) = 0;
  // checkpoint_first: runs CHECKPOINT while the server still serves. After `timeout` (0: no limit) the server gets
  // SIGQUIT, then all its processes get SIGKILL.
  virtual awaitable<Result<void>> stop(core::StopMode mode, bool checkpoint_first, Duration timeout) = 0;
  // Returns when the server is out of recovery and takes writes.
  virtual awaitable<Result<void>> promote() = 0;

  // On a standby: copies the state files of logical slots from the primary `from`. On success the server has been
  // stopped, because it reads these files only at its start. If there is nothing to copy, the server runs on and the
  // result is an error.
  virtual awaitable<Result<void>> copy_slots(core::Upstream from, std::vector<core::SlotSpec> slots) = 0;

  // ---- short work
  virtual awaitable<Result<void>> follow(core::Upstream upstream) = 0;  // rewrites the files and reloads the server, or
                                                                        // restarts it before PostgreSQL 13
  // Runs beside the cycle, because it may take long: a new logical slot waits until the running transactions have
  // ended.
  virtual awaitable<Result<void>> sync_slots(std::vector<core::SlotSpec> create, std::vector<core::SlotDrop> drop) = 0;
  // Advances inactive slots, so that they keep no WAL that their user has received already. Runs beside the cycle, too.
  virtual awaitable<Result<void>> advance_slots(std::vector<core::SlotAdvance> slots) = 0;
  // Asks the primary `leader` which of these slots it has, and for the catalog_xmin of each.
  virtual awaitable<Result<std::map<std::string, std::optional<core::Xid>>>> ask_slots(
      core::Upstream leader, std::vector<std::string> slots) = 0;
  // On a standby. true: switches hot_standby_feedback on, whatever the configuration says. false: sets what the
  // configuration says.
  virtual awaitable<Result<void>> enforce_feedback(bool on) = 0;
  // Sets synchronous_standby_names, in synchronous mode, and returns when the value is in force. It is kept over
  // restarts as a primary, and emptied when the server is started as a standby.
  virtual awaitable<Result<void>> set_sync_names(std::string names) = 0;
  virtual awaitable<Result<void>> checkpoint() = 0;
  // On a primary that was shut down cleanly: runs archive_command for the segment with the shutdown checkpoint.
  virtual awaitable<Result<void>> archive_last_wal() = 0;
  virtual awaitable<Result<std::vector<core::HistoryLine>>> timeline_history(
      core::Timeline timeline) = 0;                        // from a local file
  virtual awaitable<core::Timeline> newest_history() = 0;  // of the newest of those files; 0 when there is none
  // Whether `timeline` begins at `from` with the same WAL on the other server as here. The timeline's number does not
  // tell this, because two members may have given one number to two histories. nullopt when not known, for example
  // because one of the two no longer has that WAL.
  virtual awaitable<std::optional<bool>> same_beginning(core::Upstream other, core::Timeline timeline, core::Lsn from,
                                                        Duration timeout) = 0;
  // Renames the data directory to <data_dir>_YYYY-MM-DD-HH-MM-SS. superseded: a copy will replace it. Then
  // PostgresView::copy_follows is set from now on, and superseded_data until remove_superseded() has deleted the old
  // directory, which may take long.
  virtual awaitable<Result<void>> set_aside(bool superseded) = 0;
  // What a fresh copy would do with the present data. Changes nothing.
  virtual awaitable<core::ReplacedData> replaced_data(Duration timeout) = 0;
  // Walks over all files, so it may take long. Changes nothing.
  virtual awaitable<Result<core::DataSize>> data_size(Duration timeout) = 0;
  virtual awaitable<Result<void>> remove_superseded() = 0;
  // Applies new settings (dynamic configuration, SIGHUP, another role) by rewriting the files. Returns true when the
  // running server was told to load them, because something changed or because somebody asked for it.
  virtual awaitable<Result<bool>> apply_configuration(bool asked) = 0;
  // What the running server's pg_settings tells about its parameters; empty when not known yet.
  virtual const wire::ServerParameters& server_parameters() const = 0;
  virtual Progress progress() const = 0;
};

}  // namespace tamada::postgres
