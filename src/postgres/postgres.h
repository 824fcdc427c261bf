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
  std::string what;                               // "pg_basebackup", "checkpoint", "shutdown"; empty: none yet
  core::Instant since{};                          // when that step began
  std::uint64_t bytes_done = 0, bytes_total = 0;  // 0: unknown
};

class Postgres {
 public:
  virtual ~Postgres() = default;

  // ---- observing. This never fails; facts that cannot be learned within `timeout` are absent from the view.
  // At each heartbeat it looks from outside, too: a new connection, a small write.
  virtual awaitable<core::PostgresView> observe(Duration timeout, Duration heartbeat) = 0;
  // Called when the postmaster ends, whoever started it, at once.
  virtual void on_exit(std::function<void()> callback) = 0;
  // Asks another server over a replication connection for its timeline, position and timeline history.
  virtual awaitable<core::UpstreamView> ask(core::Upstream upstream, Duration timeout) = 0;

  // ---- long work, run as a job: cancellable by Asio's cancellation, after which nothing of it goes on.
  // initdb, configuration files, first start, users, post_bootstrap; ends with a running primary. On failure the server
  // is stopped; the data directory stays where it is.
  virtual awaitable<Result<void>> bootstrap() = 0;
  // A copy of upstream into the (absent or incomplete) data directory, by the first of `methods` that succeeds (empty:
  // as the node is configured); leaves it ready to be started as a standby.
  virtual awaitable<Result<void>> basebackup(core::Upstream upstream, std::vector<std::string> methods) = 0;
  // pg_rewind against upstream, with every precondition checked first; the server must be stopped.
  virtual awaitable<Result<void>> rewind(core::Upstream upstream) = 0;
  // Writes the configuration, then starts. Returns when it accepts connections, or ended, or `timeout` (0: none)
  // passed. upstream: whom to follow; nullptr: as a primary. A standby with an empty upstream follows nobody.
  virtual awaitable<Result<void>> start(const core::Upstream* upstream, Duration timeout) = 0;
  // checkpoint_first: CHECKPOINT while still serving. timeout (0: none): after it SIGQUIT, then SIGKILL to all of it.
  virtual awaitable<Result<void>> stop(core::StopMode mode, bool checkpoint_first, Duration timeout) = 0;
  // Returns when the server is out of recovery and takes writes.
  virtual awaitable<Result<void>> promote() = 0;

  // On a standby: copies the state files of logical slots from the primary `from`. On success the server has been
  // stopped, because it reads them only at its start. If there is nothing to copy, the server runs on and this is an
  // error.
  virtual awaitable<Result<void>> copy_slots(core::Upstream from, std::vector<core::SlotSpec> slots) = 0;

  // ---- short work
  virtual awaitable<Result<void>> follow(core::Upstream upstream) = 0;  // rewrites and reloads (restarts before 13)
  // This may take long, because a new logical slot waits until the running transactions have ended, so it runs beside
  // the cycle.
  virtual awaitable<Result<void>> sync_slots(std::vector<core::SlotSpec> create, std::vector<core::SlotDrop> drop) = 0;
  // Moves inactive slots forward, so that they keep no WAL that their user has received already. Runs beside the cycle,
  // too.
  virtual awaitable<Result<void>> advance_slots(std::vector<core::SlotAdvance> slots) = 0;
  // Asks the primary `leader` which of these slots it has, and for the catalog_xmin of each.
  virtual awaitable<Result<std::map<std::string, std::optional<core::Xid>>>> ask_slots(
      core::Upstream leader, std::vector<std::string> slots) = 0;
  // On a standby. true: turns hot_standby_feedback on, whatever the configuration says; false: sets what the
  // configuration says.
  virtual awaitable<Result<void>> enforce_feedback(bool on) = 0;
  // Sets synchronous_standby_names, in synchronous mode; returns when it is in force. The value is kept over restarts
  // as a primary, and emptied when the server is started as a standby.
  virtual awaitable<Result<void>> set_sync_names(std::string names) = 0;
  virtual awaitable<Result<void>> checkpoint() = 0;
  // On a primary that was shut down cleanly: runs archive_command for the segment with the shutdown checkpoint.
  virtual awaitable<Result<void>> archive_last_wal() = 0;
  virtual awaitable<Result<std::vector<core::HistoryLine>>> timeline_history(
      core::Timeline timeline) = 0;                        // local file
  virtual awaitable<core::Timeline> newest_history() = 0;  // of those files; 0: there is none
  // Whether `timeline` begins at `from` with the same WAL on the other server as here. The timeline's number does not
  // tell that, because two members may have given one number to two histories. nullopt: not known, for example because
  // one of the two no longer has that WAL.
  virtual awaitable<std::optional<bool>> same_beginning(core::Upstream other, core::Timeline timeline, core::Lsn from,
                                                        Duration timeout) = 0;
  // Renames the data directory to <data_dir>_YYYY-MM-DD-HH-MM-SS. superseded: a copy is to replace it:
  // PostgresView::copy_follows from now on, and superseded_data until remove_superseded(), which may take as long as
  // deleting it takes.
  virtual awaitable<Result<void>> set_aside(bool superseded) = 0;
  // What a fresh copy would do to the present data. Changes nothing.
  virtual awaitable<core::ReplacedData> replaced_data(Duration timeout) = 0;
  virtual awaitable<Result<void>> remove_superseded() = 0;
  // New settings (dynamic configuration, SIGHUP, another role): rewrites the files; true: the running server was told
  // to load them, because something changed, or because somebody asked for it.
  virtual awaitable<Result<bool>> apply_configuration(bool asked) = 0;
  // What the running server's pg_settings has told about its parameters; empty: nothing yet.
  virtual const wire::ServerParameters& server_parameters() const = 0;
  virtual Progress progress() const = 0;
};

}  // namespace tamada::postgres
