#include "postgres/local_postgres.h"

#include "config/recovery.h"
#include "core/rewind.h"
#include "core/server_features.h"
#include "net/disk.h"
#include "net/log.h"
#include "postgres/conninfo.h"
#include "postgres/files.h"
#include "postgres/node.h"
#include "postgres/outside.h"
#include "postgres/sql_view.h"
#include "postgres/timeline_history.h"
#include "postgres/wal_senders.h"

namespace tamada::postgres {

using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

constexpr Duration controldata_timeout_max = 5s;

Duration left_until(Clock::time_point deadline) {
  return std::max<Duration>(deadline - Clock::now(), std::chrono::milliseconds(1));
}

// The state by postmaster.pid, when SQL gives no answer.
core::ProcessState state_without_sql(const Postmaster& postmaster, const std::string& status, bool timed_out) {
  if (status == "stopping") return core::ProcessState::stopping;
  if (status != "ready" && status != "standby") return core::ProcessState::starting;
  if (timed_out) return core::ProcessState::unresponsive;
  // The server refuses our connection, for example because it has too many or because the password is wrong.
  return postmaster.asked_to_stop ? core::ProcessState::stopping : core::ProcessState::running;
}

}  // namespace

struct LocalPostgres::Impl {
  Impl(asio::any_io_executor executor, const config::Local& local, Dynamic dynamic)
      : node(executor, local, std::move(dynamic)), heartbeat(executor), outside(node), wal_senders(executor) {}

  Node node;
  Connection heartbeat;  // kept from one observation to the next
  bool heartbeat_in_use = false;
  Outside outside;
  WalSenders wal_senders;
  bool removing = false;        // superseded data directories are being removed
  int heartbeat_pid = 0;        // the postmaster to which `heartbeat` is connected
  int server_version = 0;       // of the running server
  core::Timeline timeline = 0;  // the highest timeline on which the postmaster timeline_pid was seen
  int timeline_pid = 0;
  core::Timelines timelines;  // the history of that timeline
  int timelines_pid = 0;
  std::string last_error;

  // The answer of the running server; nullopt when there is none, and then *timed_out tells why.
  awaitable<std::optional<ServerAnswer>> ask_local(Connection& connection, Clock::time_point deadline, bool* timed_out);
  awaitable<std::optional<ServerAnswer>> query(std::shared_ptr<Postmaster> postmaster, Clock::time_point deadline,
                                               bool* timed_out);
  awaitable<void> look_at_server(std::shared_ptr<Postmaster> postmaster, Clock::time_point deadline,
                                 core::PostgresView& view);
  awaitable<void> look_at_shutdown(Clock::time_point deadline, core::PostgresView& view);
  awaitable<core::Timeline> timeline_of(core::SqlView sql, int pid, Clock::time_point deadline);
  const core::Timelines& history_of(const core::SqlView& sql, int pid, const WalFormat& wal);
  awaitable<void> finish_setting_aside();
  std::string told_of_setting_aside;  // the last error that the log has told
  bool looked = false;                // whether the node has been observed once
};

LocalPostgres::LocalPostgres(asio::any_io_executor executor, const config::Local& local,
                             std::function<const config::Json&()> dynamic)
    : impl_(std::make_unique<Impl>(std::move(executor), local, std::move(dynamic))) {
  impl_->node.data.withdraw_promotion();
}

LocalPostgres::~LocalPostgres() = default;

void LocalPostgres::on_exit(std::function<void()> callback) {
  impl_->wal_senders.on_end(callback);
  impl_->node.server.on_exit(std::move(callback));
}

awaitable<std::optional<ServerAnswer>> LocalPostgres::Impl::ask_local(Connection& connection,
                                                                      Clock::time_point deadline, bool* timed_out) {
  if (!connection.is_open()) {
    if (const auto opened = co_await node.access.open_local(connection, left_until(deadline)); !opened) {
      *timed_out = connection.timed_out();
      if (opened.error().what != last_error) log::debug("{}", opened.error().what);
      last_error = opened.error().what;
      co_return std::nullopt;
    }
  }
  server_version = connection.server_version();
  const auto rows = co_await connection.query(sql_view_query(server_version), left_until(deadline));
  if (!rows || rows->size() != 1) {
    *timed_out = connection.timed_out();
    if (!rows && rows.error().what != last_error) log::warning("heartbeat query: {}", rows.error().what);
    last_error = rows ? "" : rows.error().what;
    co_return std::nullopt;
  }
  last_error.clear();
  const bool archive =
      !core::features::has_standby_signal(server_version) && node.configuration.has_restore_command(server_version);
  auto answer = read_sql_view(rows->front(), archive);
  if (!answer) co_return std::nullopt;
  co_return std::move(*answer);
}

awaitable<std::optional<ServerAnswer>> LocalPostgres::Impl::query(std::shared_ptr<Postmaster> postmaster,
                                                                  Clock::time_point deadline, bool* timed_out) {
  if (heartbeat_in_use) {
    Connection another(node.executor);
    co_return co_await ask_local(another, deadline, timed_out);
  }
  struct InUse {
    bool& flag;
    explicit InUse(bool& given) : flag(given) { flag = true; }
    ~InUse() { flag = false; }
  } const in_use(heartbeat_in_use);
  if (heartbeat_pid != postmaster->pid()) heartbeat.close();
  heartbeat_pid = postmaster->pid();
  const bool reused = heartbeat.is_open();
  auto answer = co_await ask_local(heartbeat, deadline, timed_out);
  // A restart or an administrator may have closed the kept connection.
  if (!answer && reused && !*timed_out) answer = co_await ask_local(heartbeat, deadline, timed_out);
  co_return answer;
}

// The timeline of a standby. While it does not stream, SQL tells the timeline of the last restart point, which may be
// long ago, and members would compare positions on timelines that they have left. IDENTIFY_SYSTEM tells the present
// timeline.
awaitable<core::Timeline> LocalPostgres::Impl::timeline_of(core::SqlView sql, int pid, Clock::time_point deadline) {
  if (pid != timeline_pid) timeline = 0;
  timeline_pid = pid;
  core::Timeline told = sql.timeline;
  if (sql.in_recovery && sql.replication_state != "streaming") {
    const auto& own = node.local.postgresql;
    core::Upstream self;
    self.host = own.connect_host;
    self.port = own.connect_port;
    if (own.use_unix_socket_repl) {
      const auto address = node.access.local_address(true);
      self.host = address.host;
      self.port = address.port;
    }
    const auto answer = co_await ask_server(node, std::move(self), left_until(deadline) / 2);
    if (answer.reachable) told = answer.timeline;
  }
  timeline = std::max(timeline, told);
  co_return timeline;
}

// The history of the server's timeline. It is read again when the timeline changes, and until the beginning of the
// timeline is known.
const core::Timelines& LocalPostgres::Impl::history_of(const core::SqlView& sql, int pid, const WalFormat& wal) {
  const bool known = pid == timelines_pid && !timelines.empty() && timelines.back().timeline == sql.timeline &&
                     !timelines.back().record.empty();
  if (sql.timeline <= 1) {
    timelines.clear();
  } else if (!known) {
    timelines = timelines_of(node, sql.timeline, sql.wal_lsn, wal);
  }
  timelines_pid = pid;
  return timelines;
}

awaitable<void> LocalPostgres::Impl::look_at_server(std::shared_ptr<Postmaster> postmaster, Clock::time_point deadline,
                                                    core::PostgresView& view) {
  const auto status = node.server.status();
  const bool accepts = status == "ready" || status == "standby";
  bool timed_out = false;
  std::optional<ServerAnswer> answer;
  if (accepts) answer = co_await query(postmaster, deadline, &timed_out);
  if (!answer) {
    // The postmaster may have ended meanwhile.
    view.process =
        postmaster->alive() ? state_without_sql(*postmaster, status, timed_out) : core::ProcessState::stopped;
    co_return;
  }
  postmaster->seen_running = true;
  view.process = postmaster->asked_to_stop ? core::ProcessState::stopping : core::ProcessState::running;
  view.sql = std::move(answer->view);
  if (!core::features::has_standby_signal(server_version) && view.sql->in_recovery) {
    const auto file = read_postmaster_pid(node.paths.data_dir);
    view.sql->pending_restart.merge(node.recovery_conf.pending(postmaster->pid(), file ? file->start_time : 0));
  }
  view.sql->timeline = co_await timeline_of(*view.sql, postmaster->pid(), deadline);
  view.system_identifier = answer->system_identifier;
  view.server_version = server_version;
  wal_senders.watch(view.sql->replication);
}

// Finishes the work of an earlier run of the daemon that was interrupted while it set data aside.
awaitable<void> LocalPostgres::Impl::finish_setting_aside() {
  if (!node.data.is_being_set_aside()) co_return;
  const auto done = co_await net::on_disk_thread([this] { return node.data.finish_setting_aside(); });
  const auto error = done ? std::string() : done.error().what;
  if (!error.empty() && error != told_of_setting_aside)
    log::error("cannot finish setting the data directory aside: {}", error);
  told_of_setting_aside = error;
}

// Reads the state and the end of the WAL of a server that is shutting down. Both have to come from the same control
// file; otherwise the shutdown is not reported yet.
awaitable<void> LocalPostgres::Impl::look_at_shutdown(Clock::time_point deadline, core::PostgresView& view) {
  const auto look = co_await node.data.look(true, left_until(deadline));
  if (look.control) {
    view.control = look.control->file;
  } else {
    view.control->state = core::ControlState::shutting_down;
  }
  view.wal_to_archive = node.data.wal_to_archive();
}

awaitable<core::PostgresView> LocalPostgres::observe(Duration timeout, Duration heartbeat) {
  auto& node = impl_->node;
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout);
  core::PostgresView view;
  const auto postmaster = node.server.current();
  view.postmaster = postmaster ? postmaster->pid() : 0;
  if (!postmaster) co_await impl_->finish_setting_aside();
  if (!std::exchange(impl_->looked, true) && !postmaster) co_await judge_former_rewind(node);
  const auto look = co_await node.data.look(!postmaster, std::min(timeout, controldata_timeout_max));
  view.data_directory = look.kind;
  if (look.kind == core::DataDirectory::half_rewound) view.rewind_error = node.data.rewind_error();
  if (look.control) {
    view.control = look.control->file;
    view.system_identifier = look.control->file.system_identifier;
  }
  view.standby_signal = node.data.standby_signal();
  view.server_version = node.data.major_version();
  view.following = node.configuration.following();
  const auto standby_role =
      view.following && view.following->remote ? config::Role::standby_leader : config::Role::replica;
  view.configuration_is_current =
      node.configuration.is_current(view.standby_signal ? standby_role : config::Role::primary);
  view.superseded_data = !impl_->removing && !node.data.superseded().empty();
  view.feedback_enforced = node.configuration.feedback_enforced();
  const auto status = postmaster ? node.server.status() : "";
  const bool serves = postmaster && !postmaster->asked_to_stop;
  const bool primary = serves && status == "ready";
  impl_->outside.look(primary || (serves && status == "standby"), primary, view.postmaster, heartbeat);
  if (postmaster) co_await impl_->look_at_server(postmaster, deadline, view);
  impl_->outside.tell(view);
  const auto of_files = node.configuration.problems();
  view.problems.insert(view.problems.end(), of_files.begin(), of_files.end());
  if (view.has_postmaster() && !view.sql) {
    // The mark is read after the query that the server did not answer, because a promotion may have ended in between.
    view.promotion_begun = node.data.promotion_begun();
    view.standby_signal = node.data.standby_signal();
    if (view.control) view.control->state = node.data.control_state();
    if (view.shut_down()) co_await impl_->look_at_shutdown(deadline, view);
  }
  if (view.sql && look.control) {
    view.sql->timelines = impl_->history_of(*view.sql, postmaster->pid(), look.control->wal);
  }
  view.crashed = view.process == core::ProcessState::stopped && node.server.crashed();
  view.copy_follows = look.kind != core::DataDirectory::valid && node.data.copy_follows();
  co_return view;
}

awaitable<core::UpstreamView> LocalPostgres::ask(core::Upstream upstream, Duration timeout) {
  co_return co_await ask_server(impl_->node, std::move(upstream), timeout);
}

awaitable<Result<void>> LocalPostgres::bootstrap() { co_return co_await bootstrap_cluster(impl_->node); }

awaitable<Result<void>> LocalPostgres::basebackup(core::Upstream upstream, std::vector<std::string> methods) {
  co_return co_await create_replica(impl_->node, std::move(upstream), std::move(methods));
}

awaitable<Result<void>> LocalPostgres::rewind(core::Upstream upstream) {
  co_return co_await rewind_to(impl_->node, std::move(upstream));
}

namespace {

// Stops the server if the start or the promotion is cancelled. Such work must not go on, and PostgreSQL has no command
// that cancels it. If the work fails or takes long, the next decision says what to do.
awaitable<Result<void>> stop_when_cancelled(Node& node, awaitable<Result<void>> work) {
  bool cancelled = false;
  Result<void> result;
  try {
    result = co_await std::move(work);
  } catch (const boost::system::system_error& error) {
    if (error.code() != asio::error::operation_aborted) throw;
    cancelled = true;
  }
  if (!cancelled) co_return result;
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  if (node.server.current()) (void)co_await node.server.stop(core::StopMode::immediate, 0s);
  throw boost::system::system_error(asio::error::operation_aborted);
}

}  // namespace

awaitable<Result<void>> LocalPostgres::start(const core::Upstream* upstream, Duration timeout) {
  std::optional<core::Upstream> copy;
  if (upstream) copy = *upstream;
  if (impl_->node.data.half_rewound()) co_return core::fail("the data directory is half rewound");
  if (impl_->node.data.incomplete()) co_return core::fail("the data directory is an unfinished copy");
  if (copy && copy->target_timeline != 0) {
    const auto look = co_await impl_->node.data.look(true, controldata_timeout_max);
    if (!look.control) co_return core::fail("the control file cannot be read");
    copy->target_timeline = newest_own_timeline(impl_->node.paths.in_data_dir("pg_wal"), look.control->file);
  }
  co_return co_await stop_when_cancelled(impl_->node, start_server(impl_->node, std::move(copy), timeout));
}

awaitable<Result<void>> LocalPostgres::stop(core::StopMode mode, bool checkpoint_first, Duration timeout) {
  co_return co_await stop_server(impl_->node, mode, checkpoint_first, timeout);
}

awaitable<Result<void>> LocalPostgres::promote() {
  co_return co_await stop_when_cancelled(impl_->node, promote_server(impl_->node));
}

namespace {

// unread: the server may not have read the settings that were written last.
bool restarts_to_follow(const Parameters& before, const Parameters& now, int version, bool unread) {
  const auto changed = [&](const std::string& name, const std::string& otherwise) {
    const auto a = before.find(name), b = now.find(name);
    return (a == before.end() ? otherwise : a->second) != (b == now.end() ? otherwise : b->second);
  };
  for (const char* name : {"primary_conninfo", "primary_slot_name"}) {
    if ((changed(name, "") || unread) && config::recovery_needs_restart(name, version)) return true;
  }
  return changed("recovery_target_timeline", "latest");
}

}  // namespace

awaitable<Result<void>> LocalPostgres::follow(core::Upstream upstream) {
  auto& node = impl_->node;
  const int version = node.data.major_version();
  const auto before = node.configuration.written_recovery(version);
  auto write = node.configuration.write_standby(upstream, version);
  // If the change needs a restart, which takes long anyway, the write may take as long as it needs.
  const auto changed = core::features::reloads_primary_conninfo(version) ? co_await write_soon(node, std::move(write))
                                                                         : co_await std::move(write);
  if (!changed) {
    node.files_are_loaded = false;
    co_return std::unexpected(changed.error());
  }
  if ((!*changed && node.files_are_loaded) || !node.server.current()) co_return Result<void>();
  // The daemon restarts the server only to change its upstream. All other settings that need a restart are marked as
  // pending and wait for the operator.
  const bool unread = !node.files_are_loaded && node.written_since_start(version);
  if (!restarts_to_follow(before, node.configuration.written_recovery(version), version, unread)) {
    node.load_files();
    co_return Result<void>();
  }
  if (auto stopped = co_await stop_server(node, core::StopMode::fast, false, 0s); !stopped) co_return stopped;
  co_return co_await start_server(node, std::move(upstream), 0s);
}

awaitable<Result<void>> LocalPostgres::sync_slots(std::vector<core::SlotSpec> create,
                                                  std::vector<core::SlotDrop> drop) {
  co_return co_await change_slots(impl_->node, std::move(create), std::move(drop));
}

awaitable<Result<void>> LocalPostgres::advance_slots(std::vector<core::SlotAdvance> slots) {
  co_return co_await move_slots(impl_->node, std::move(slots));
}

awaitable<Result<std::map<std::string, std::optional<core::Xid>>>> LocalPostgres::ask_slots(
    core::Upstream leader, std::vector<std::string> slots) {
  co_return co_await ask_leader_slots(impl_->node, std::move(leader), std::move(slots));
}

awaitable<Result<void>> LocalPostgres::copy_slots(core::Upstream from, std::vector<core::SlotSpec> slots) {
  co_return co_await copy_logical_slots(impl_->node, std::move(from), std::move(slots));
}

awaitable<Result<void>> LocalPostgres::enforce_feedback(bool on) {
  impl_->node.configuration.enforce_feedback(on);
  const auto applied = co_await apply_configuration(false);
  if (!applied) co_return std::unexpected(applied.error());
  co_return Result<void>();
}

awaitable<Result<void>> LocalPostgres::archive_last_wal() {
  co_return co_await archive_shutdown_checkpoint(impl_->node);
}

awaitable<Result<void>> LocalPostgres::set_sync_names(std::string names) {
  co_return co_await set_synchronous_standby_names(impl_->node, std::move(names));
}

awaitable<Result<void>> LocalPostgres::checkpoint() { co_return co_await run_checkpoint(impl_->node, 0s); }

awaitable<core::Timeline> LocalPostgres::newest_history() {
  co_return newest_history_file(impl_->node.paths.in_data_dir("pg_wal"));
}

awaitable<Result<std::vector<core::HistoryLine>>> LocalPostgres::timeline_history(core::Timeline timeline) {
  if (timeline <= 1) co_return std::vector<core::HistoryLine>();
  const auto file = impl_->node.paths.in_data_dir("pg_wal/" + history_file_name(timeline));
  const auto text = read_file(file);
  if (!text) co_return core::fail("cannot read " + file);
  co_return parse_timeline_history(*text);
}

awaitable<std::optional<bool>> LocalPostgres::same_beginning(core::Upstream other, core::Timeline timeline,
                                                             core::Lsn from, Duration timeout) {
  co_return co_await timeline_begins_alike(impl_->node, std::move(other), timeline, from, timeout);
}

namespace {
// The first replica method if it has keep_data, because its program then works on the present data; otherwise empty.
std::string keeping_method(const config::Postgresql& postgresql) {
  if (postgresql.create_replica_methods.empty()) return {};
  const auto method = postgresql.replica_methods.find(postgresql.create_replica_methods.front());
  return method != postgresql.replica_methods.end() && method->second.keep_data ? method->first : std::string();
}
}  // namespace

awaitable<Result<void>> LocalPostgres::set_aside(bool superseded) {
  auto& node = impl_->node;
  if (node.server.current()) co_return core::fail("cannot set the data directory aside: postgres is running");
  if (auto gone = co_await node.server.wait_for_orphans(); !gone) co_return gone;
  if (const auto method = superseded ? keeping_method(node.local.postgresql) : ""; !method.empty()) {
    log::info("leaving the data directory as it is for {}, which has keep_data", method);
    co_return co_await mark_incomplete(node, method, {}, true);
  }
  co_return co_await net::on_disk_thread([&node, superseded] { return node.data.set_aside(superseded); });
}

const wire::ServerParameters& LocalPostgres::server_parameters() const { return impl_->outside.parameters(); }

awaitable<core::ReplacedData> LocalPostgres::replaced_data(Duration timeout) {
  const bool kept = impl_->node.local.postgresql.keep_replaced_data;
  co_return core::ReplacedData{.kept = kept,
                               .obstacle = co_await impl_->node.data.obstacle_to_replacing(kept, timeout)};
}

awaitable<Result<core::DataSize>> LocalPostgres::data_size(Duration timeout) {
  auto size = co_await impl_->node.data.size(timeout);
  if (!size) co_return size;
  using Replaced = core::DataSize::Replaced;
  const auto& postgresql = impl_->node.local.postgresql;
  size->replaced = !keeping_method(postgresql).empty() ? Replaced::in_place
                   : postgresql.keep_replaced_data     ? Replaced::when_copied
                                                       : Replaced::before;
  co_return size;
}

awaitable<Result<bool>> LocalPostgres::apply_configuration(bool asked) {
  co_return co_await postgres::apply_configuration(impl_->node, asked);
}

awaitable<Result<void>> LocalPostgres::remove_superseded() {
  if (impl_->removing) co_return Result<void>();
  impl_->removing = true;
  auto done = co_await impl_->node.data.superseded().remove_all();
  impl_->removing = !done;  // after a failure it is not tried again in this run of the daemon
  co_return done;
}

awaitable<std::optional<Result<std::vector<std::string>>>> LocalPostgres::rewind_functions_missing(std::string user,
                                                                                                   Duration timeout) {
  Connection connection(impl_->node.executor);
  if (!co_await impl_->node.access.open_local(connection, timeout)) co_return std::nullopt;
  const auto rows = co_await connection.query(core::rewind_functions_missing(quote_literal(user)), timeout);
  if (!rows) co_return std::unexpected(rows.error());
  std::vector<std::string> missing;
  for (const auto& row : *rows) missing.push_back(row.front().value_or(""));
  co_return missing;
}

Progress LocalPostgres::progress() const { return impl_->node.progress; }

}  // namespace tamada::postgres
