#include "sim/sim_postgres.h"

#include <algorithm>

#include "core/rewind.h"
#include "core/stuck_disk.h"
#include "sim/bugs.h"

namespace tamada::sim {

using namespace std::chrono_literals;
using core::ControlState;
using core::ProcessState;
using core::Result;

SimPostgres::SimPostgres(Life& life, const net::Clock& clock, SimServer& server, const Bugs& bugs,
                         std::function<bool()> synchronous)
    : life_(life), clock_(clock), server_(server), bugs_(bugs), synchronous_(std::move(synchronous)) {
  server_.promote_file = false;
  server_.on_exit = [this](bool asked) {
    crashed_ = !asked;
    if (bugs_.is("death-not-noticed")) return;
    if (callback_) callback_();
    life_.touch();
  };
}

SimPostgres::~SimPostgres() { server_.on_exit = nullptr; }

void SimPostgres::on_exit(std::function<void()> callback) { callback_ = std::move(callback); }

const SimServer* SimPostgres::source(const core::Upstream& upstream) const {
  if (upstream.host.empty()) return nullptr;
  const auto node = std::stoi(upstream.host.substr(upstream.host.rfind('.') + 1)) - 1;
  return m().servers[static_cast<std::size_t>(node)];
}

bool SimPostgres::reaches(const SimServer& other) const {
  return other.lets_in() && m().network.both_ways(server_.node(), other.node());
}

// Fails after a moment if the disk is stuck, because what the daemon writes waits for it.
awaitable<bool> SimPostgres::disk_fails() {
  if (!server_.stuck) co_return false;
  co_await life_.pause(1s);
  co_return server_.stuck;
}

awaitable<bool> SimPostgres::fails_at(std::string_view step) {
  if (server_.trouble == 0 || !m().random.chance(server_.trouble)) co_return false;
  const bool cut_off = m().random.chance(0.5);
  m().trace.line(server_.name(), fmt::format("{} {}", step, cut_off ? "is cut off" : "fails"));
  if (!cut_off) co_return true;
  m().on_cut_off(server_.node());
  co_await life_.pause(1s);  // never resumes: the daemon's life ends here
  co_return true;
}

// ---- observing

core::SqlView SimPostgres::sql() const {
  core::SqlView sql;
  sql.in_recovery = server_.recovery;
  sql.timeline = server_.timeline();
  for (int at = server_.end.branch; at >= 0 && m().wal.of(at).parent >= 0; at = m().wal.of(at).parent) {
    const auto& branch = m().wal.of(at);
    sql.timelines.insert(sql.timelines.begin(),
                         {.timeline = branch.timeline, .lsn = branch.fork, .record = fmt::format("{:x}", at)});
  }
  if (bugs_.is("twins-taken-for-one")) sql.timelines.clear();
  sql.wal_lsn = server_.end.lsn;
  sql.sync_names = imagined_sync_names_.value_or(server_.sync_names);
  if (server_.recovery) {
    sql.receive_lsn = sql.replay_lsn = server_.end.lsn;
    if (m().archive.on) sql.replication_state = "in archive recovery";
    if (server_.streaming) sql.replication_state = "streaming";
  }
  sql.replication = server_.replication();
  for (const auto& [name, lsn] : server_.slots) {
    const bool active = std::ranges::any_of(m().servers, [&](const SimServer* other) {
      return other->streaming && other->upstream() == server_.node() && other->name() == name;
    });
    sql.slots.push_back({.name = name, .physical = true, .active = active, .restart_lsn = lsn});
  }
  return sql;
}

awaitable<core::PostgresView> SimPostgres::observe(Duration timeout, Duration heartbeat) {
  co_await life_.pause(m().random.mostly(200us, 2ms, 50ms, 0.02));
  if (server_.busy > 0s) co_await life_.pause(m().random.duration(server_.busy / 2, server_.busy));
  while ((server_.hung || server_.killed()) && timeout > 0s) {
    const auto step = std::min<Duration>(timeout, 500ms);
    co_await life_.pause(step);
    timeout -= step;
  }
  core::PostgresView view;
  view.data_directory = server_.directory;
  view.process = server_.process;
  view.standby_signal = server_.standby_signal;
  view.promotion_begun = server_.promoting() || server_.promote_file;
  view.following = following_;
  if (server_.directory == core::DataDirectory::valid) {
    view.control = server_.control;
    view.server_version = 150000;
    view.system_identifier = server_.control.system_identifier;
  }
  if (server_.process == ProcessState::running) {
    if (server_.hung || server_.killed()) {
      view.process = ProcessState::unresponsive;
    } else {
      view.sql = sql();
    }
  }
  knock(heartbeat);
  view.silent_since = silent_since_;
  look_at_disk(view);
  view.crashed = view.process == ProcessState::stopped && crashed_;
  if (bugs_.is("death-not-noticed")) {
    if (view.crashed && alive_) co_return *alive_;
    alive_ = view.sql ? std::optional(view) : std::nullopt;
  }
  view.copy_follows = view.data_directory != core::DataDirectory::valid && server_.copy_follows;
  co_return view;
}

void SimPostgres::look_at_disk(core::PostgresView& view) {
  const auto now = clock_.now();
  if (!server_.stuck || server_.process == ProcessState::stopped) {
    writing_since_.reset();
  } else if (!writing_since_) {
    writing_since_ = now;
  }
  const bool doubtful = writing_since_ && now - *writing_since_ >= core::slow_flush;
  if (!doubtful) {
    commit_since_.reset();
  } else if (!commit_since_ && server_.lets_in() && !server_.recovery) {
    commit_since_ = now;
  }
  view.commit_since = commit_since_;
  view.disk_write_since = writing_since_;
  if (doubtful) {
    view.problems.push_back({core::ProblemKind::disk, std::string(core::unended_write)});
  }
}

// Opens a new connection at each heartbeat as production does, and more often while the server does not answer.
void SimPostgres::knock(Duration heartbeat) {
  if (server_.process != ProcessState::running) {
    silent_since_.reset();
    return;
  }
  const auto now = clock_.now();
  if (knocked_at_ && now - *knocked_at_ < (silent_since_ ? std::min<Duration>(1s, heartbeat) : heartbeat)) return;
  knocked_at_ = now;
  if (server_.lets_in()) {
    silent_since_.reset();
  } else if (!silent_since_) {
    silent_since_ = now;
  }
}

awaitable<core::UpstreamView> SimPostgres::ask(core::Upstream upstream, Duration timeout) {
  core::UpstreamView view;
  view.member = upstream.member;
  const auto* other = source(upstream);
  if (!other || !m().network.both_ways(server_.node(), other->node()) || other->hung || other->deaf ||
      other->frozen()) {
    co_await life_.pause(timeout);
    view.error = "timed out";
    co_return view;
  }
  co_await life_.pause(m().random.duration(2ms, 30ms));
  if (!other->answers()) {
    view.error = "connection refused";
    co_return view;
  }
  view.reachable = true;
  view.in_recovery = other->recovery;
  view.system_identifier = other->control.system_identifier;
  view.timeline = other->timeline();
  view.lsn = other->end.lsn;
  view.history = m().wal.history(other->end.branch);
  if (bugs_.is("timelines-not-compared")) {
    view.history.clear();
    view.timeline = server_.timeline();
    view.lsn = ~core::Lsn{0};
  }
  co_return view;
}

// ---- long work

awaitable<Result<void>> SimPostgres::bootstrap() {
  server_.wipe();
  server_.directory = core::DataDirectory::incomplete;
  co_await life_.pause(m().random.duration(1s, 6s));
  if (m().faults && m().random.chance(0.05)) co_return core::fail("initdb failed");
  server_.initialize(fmt::format("73{:017}", m().random.below(100'000'000'000'000'000ULL)));
  crashed_ = false;
  co_return Result<void>();
}

awaitable<Result<void>> SimPostgres::basebackup(core::Upstream upstream, std::vector<std::string>) {
  const auto* other = source(upstream);
  if (server_.process != ProcessState::stopped) co_return core::fail("postgres is running");
  while (server_.stuck) co_await life_.pause(500ms);
  if (!other) co_return core::fail("there is no member to copy from");
  server_.wipe();
  server_.copy_follows = true;
  server_.directory = core::DataDirectory::incomplete;
  if (co_await fails_at("the copy")) co_return core::fail("the unfinished copy cannot be marked");
  if (!reaches(*other)) {
    co_await life_.pause(m().random.duration(100ms, 3s));
    co_return core::fail("the upstream does not answer");
  }
  const auto control = other->control;
  const auto begun = other->end;
  co_await life_.pause(m().random.duration(2s, 25s));
  const bool same_history = m().wal.contains(other->end, begun);
  if (!reaches(*other) || !same_history || server_.disk_full || (m().faults && m().random.chance(0.05))) {
    co_return core::fail("pg_basebackup ended with 1");
  }
  server_.control = control;
  server_.control.state = ControlState::in_production;
  server_.control.timeline = m().wal.timeline(begun);
  server_.control.checkpoint = server_.control.redo = begun.lsn;
  server_.control.min_recovery_end = other->recovery ? begun.lsn : 0;
  server_.control.min_recovery_timeline = other->recovery ? m().wal.timeline(begun) : 0;
  if (other->recovery) server_.control.state = ControlState::in_archive_recovery;
  server_.end = other->end;
  server_.files = other->files;
  server_.newest_timeline = other->newest_timeline;
  server_.kept_from = begun.lsn;
  if (co_await fails_at("the end of the copy")) co_return core::fail("cannot write standby.signal");
  server_.standby_signal = true;
  server_.directory = core::DataDirectory::valid;
  server_.copy_follows = false;
  m().trace.line(server_.name(),
                 fmt::format("postgres: copied from {} up to {}", other->name(), core::format_lsn(server_.end.lsn)));
  co_return Result<void>();
}

// Recovers the server in single-user mode, which has no standby mode, because pg_rewind requires a server that was shut
// down cleanly. Returns whether that failed.
awaitable<bool> SimPostgres::recover_alone() {
  if (server_.control.shut_down_cleanly()) co_return false;
  server_.standby_signal = false;
  co_await life_.pause(m().random.duration(300ms, 5s));
  if (co_await fails_at("crash recovery before pg_rewind")) co_return true;
  server_.shut_down_alone();
  co_return co_await fails_at("what follows crash recovery");
}

awaitable<Result<void>> SimPostgres::rewind(core::Upstream upstream) {
  const auto* other = source(upstream);
  if (server_.process != ProcessState::stopped) co_return core::fail("cannot run pg_rewind: postgres is running");
  while (server_.stuck) co_await life_.pause(500ms);
  if (bugs_.is("rewind-not-done")) co_return Result<void>();
  rewind_step_ = "check";
  co_await life_.pause(m().random.duration(50ms, 300ms));
  if (!other || !reaches(*other)) co_return core::fail("the source does not answer");
  if (other->recovery) co_return core::fail("the source is in recovery");
  rewind_step_ = core::rewind_step;
  const auto takes = m().random.duration(500ms, 10s);
  if (co_await recover_alone()) co_return core::fail("crash recovery before pg_rewind failed");
  if (other->timeline() == server_.timeline()) {
    co_await life_.pause(500ms);
    server_.standby_signal = true;
    co_return Result<void>();  // "no rewind required"
  }
  const bool gone = m().wal.common(server_.end, other->end).lsn < server_.kept_from;
  if (gone || (m().faults && m().random.chance(0.15))) {
    co_await life_.pause(500ms);
    server_.standby_signal = true;
    co_return core::fail("pg_rewind failed: could not find previous WAL record");
  }
  const auto branch = other->end.branch;
  if (co_await fails_at("pg_rewind")) co_return core::fail("the unfinished rewind cannot be marked");
  server_.directory = core::DataDirectory::half_rewound;
  server_.copy_follows = server_.half_rewound = true;
  if (bugs_.is("mark-not-synced")) {
    server_.not_synced([&server = server_] {
      if (server.directory == core::DataDirectory::half_rewound) server.directory = core::DataDirectory::valid;
    });
  }
  co_await life_.pause(takes / 2);
  if (co_await fails_at("pg_rewind in its midst")) co_return core::fail("pg_rewind failed: could not write");
  co_await life_.pause(takes / 2);
  if (!reaches(*other) || other->recovery || other->end.branch != branch || server_.disk_full) {
    co_return core::fail("pg_rewind failed: the source went away");
  }
  server_.end = other->end;
  server_.newest_timeline = other->newest_timeline;
  server_.control.timeline = other->timeline();
  server_.control.checkpoint = server_.control.redo = other->control.checkpoint;
  server_.control.state = ControlState::in_archive_recovery;
  server_.control.min_recovery_end = server_.end.lsn;
  server_.control.min_recovery_timeline = other->timeline();
  server_.slots.clear();
  server_.files = other->files;
  server_.kept_from = other->kept_from;
  server_.half_rewound = false;
  if (co_await fails_at("the end of pg_rewind")) co_return core::fail("cannot write standby.signal");
  server_.standby_signal = true;
  server_.directory = core::DataDirectory::valid;
  server_.copy_follows = false;
  m().trace.line(server_.name(), fmt::format("postgres: rewound to {}", other->name()));
  co_return Result<void>();
}

awaitable<Result<void>> SimPostgres::started(std::optional<core::Upstream> upstream, Duration timeout) {
  if (server_.process != ProcessState::stopped) co_return core::fail("postgres is running already");
  if (server_.directory != core::DataDirectory::valid) co_return core::fail("the data directory is an unfinished copy");
  crashed_ = false;
  const bool as_standby = upstream.has_value() && !bugs_.is("standby-starts-as-primary");
  if (upstream && bugs_.is("archive-always-followed")) upstream->target_timeline = 0;
  server_.following_file = following_ = upstream;
  if (!synchronous_()) server_.set_sync_names("");
  server_.standby_signal = as_standby;
  if (co_await fails_at("the start, its files being written")) co_return core::fail("cannot launch postgres");
  files_are_loaded_ = true;
  server_.start(as_standby);
  const auto until = timeout > 0s ? life_.scheduler().now() + timeout : never;
  while (server_.process == ProcessState::starting && life_.scheduler().now() < until) {
    co_await server_.changed(life_, until);
  }
  if (server_.process == ProcessState::stopped) co_return core::fail("postgres ended while starting");
  if (server_.process == ProcessState::starting) co_return core::fail("postgres is still starting");
  if (bugs_.is("standby-promotes-itself") && as_standby && server_.following->host.empty()) server_.begin_promotion();
  co_return Result<void>();
}

awaitable<Result<void>> SimPostgres::start(const core::Upstream* upstream, Duration timeout) {
  std::optional<core::Upstream> copy;
  if (upstream) copy = *upstream;
  Result<void> result;
  bool cancelled = false;
  try {
    result = co_await started(std::move(copy), timeout);
  } catch (const boost::system::system_error&) {
    cancelled = true;
  }
  if (!cancelled) co_return result;
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await stop(core::StopMode::immediate, false, 0s);
  throw boost::system::system_error(asio::error::operation_aborted);
}

awaitable<Result<void>> SimPostgres::stop(core::StopMode mode, bool checkpoint_first, Duration timeout) {
  if (server_.process == ProcessState::stopped) co_return Result<void>();
  const auto& scheduler = life_.scheduler();
  if (bugs_.is("stop-not-done") && mode == core::StopMode::fast && !checkpoint_first) co_return Result<void>();
  if (checkpoint_first && mode == core::StopMode::fast) {
    auto left = m().random.mostly(20ms, 500ms, 10s, 0.05);
    if (timeout > 0s) left = std::min(left, timeout);
    co_await life_.pause(left);
    while (server_.hung || server_.deaf || server_.stuck) co_await life_.pause(500ms);
    server_.checkpoint();
  }
  // If SIGQUIT does not end the postmaster, it is killed.
  constexpr Duration quits_within = 6s, dies_within = 20s;
  const auto until =
      mode == core::StopMode::fast ? timeout > 0s ? scheduler.now() + timeout : never : scheduler.now() + quits_within;
  server_.stop(mode);
  (void)co_await fails_at("the stop, once postgres is told");
  while (server_.process != ProcessState::stopped && scheduler.now() < until) co_await server_.changed(life_, until);
  if (server_.process == ProcessState::stopped) co_return Result<void>();
  server_.stop(core::StopMode::immediate);
  const auto in_vain_at = scheduler.now() + dies_within;
  while (server_.process != ProcessState::stopped && (!server_.killed() || scheduler.now() < in_vain_at)) {
    co_await server_.changed(life_, in_vain_at);
  }
  if (server_.process != ProcessState::stopped) co_return core::fail("postgres does not end, not even by SIGKILL");
  co_return Result<void>();
}

awaitable<Result<void>> SimPostgres::promote() {
  const auto& scheduler = life_.scheduler();
  if (server_.process != ProcessState::running) co_return core::fail("cannot promote: postgres is not running");
  const auto until = scheduler.now() + 60s;
  if (co_await fails_at("the promotion")) co_return core::fail("cannot write the file promote");
  server_.promote_file = true;
  (void)co_await fails_at("the promotion, before its signal");
  server_.begin_promotion();
  bool cancelled = false;
  while (!cancelled && server_.process == ProcessState::running && server_.recovery && scheduler.now() < until) {
    try {
      co_await server_.changed(life_, until);
    } catch (const boost::system::system_error&) {
      cancelled = true;
    }
  }
  if (cancelled) {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await stop(core::StopMode::immediate, false, 0s);
    throw boost::system::system_error(asio::error::operation_aborted);
  }
  if (server_.process != ProcessState::running) co_return core::fail("postgres ended while being promoted");
  if (server_.recovery) co_return core::fail("postgres is still in recovery after being told to promote");
  co_return Result<void>();
}

// ---- short work

awaitable<Result<void>> SimPostgres::follow(core::Upstream upstream) {
  co_await life_.pause(m().random.duration(1ms, 10ms));
  if (co_await disk_fails()) co_return core::fail("the disk does not answer");
  if (bugs_.is("follow-not-done")) {
    following_ = std::move(upstream);
    co_return Result<void>();
  }
  const bool changed = server_.following_file != upstream;
  server_.following_file = upstream;
  if (co_await fails_at("the change of primary_conninfo, before its reload")) {
    files_are_loaded_ = false;
    co_return core::fail("cannot write postgresql.conf");
  }
  following_ = upstream;
  const bool loaded = files_are_loaded_ || bugs_.is("written-taken-for-loaded");
  if ((!changed && loaded) || server_.process != ProcessState::running) co_return Result<void>();
  files_are_loaded_ = true;
  if (server_.following && server_.following->target_timeline != upstream.target_timeline) {  // needs a restart
    if (auto stopped = co_await stop(core::StopMode::fast, false, 0s); !stopped) co_return stopped;
    co_return co_await started(std::move(upstream), 0s);
  }
  server_.follow(std::move(upstream));
  server_.sync_names = server_.sync_names_file;
  co_return Result<void>();
}

awaitable<Result<void>> SimPostgres::sync_slots(std::vector<core::SlotSpec> create, std::vector<core::SlotDrop> drop) {
  co_await life_.pause(m().random.duration(1ms, 10ms));
  if (!server_.answers()) co_return core::fail("postgres does not answer");
  if (bugs_.is("slots-not-created")) co_return Result<void>();
  for (const auto& slot : drop) server_.slots.erase(slot.name);
  if (co_await fails_at("the change of slots")) co_return core::fail("cannot create replication slots");
  for (const auto& slot : create) server_.slots.try_emplace(slot.name, server_.end.lsn);
  co_return Result<void>();
}

awaitable<Result<void>> SimPostgres::advance_slots(std::vector<core::SlotAdvance> slots) {
  for (const auto& slot : slots) {
    const auto it = server_.slots.find(slot.name);
    if (it != server_.slots.end()) it->second = std::max(it->second, slot.to);
  }
  co_return Result<void>();
}

// As in postgres/set_sync_names.cc.
awaitable<Result<void>> SimPostgres::make_commits_wait(const std::string& names) {
  const auto before = server_.sync_names;
  const auto named = [](const std::string& value) { return !core::parse_sync_names(value).standbys.empty(); };
  if (server_.recovery || !named(names) || named(before) || bugs_.is("sync-names-not-set")) co_return Result<void>();
  if (bugs_.is("first-names-taken-for-in-force")) co_return Result<void>();
  server_.set_sync_names(std::string(core::strict_placeholder));
  const auto until = life_.scheduler().now() + 1s;
  while (!server_.commits_wait() && life_.scheduler().now() < until) {
    co_await life_.pause(5ms);
    if (!server_.answers()) co_return core::fail("postgres does not answer");
  }
  if (server_.commits_wait()) co_return Result<void>();
  server_.set_sync_names(before);
  co_return core::fail("commits do not wait for standbys yet");
}

awaitable<Result<void>> SimPostgres::set_sync_names(std::string names) {
  co_await life_.pause(m().random.duration(1ms, 10ms));
  if (co_await disk_fails()) co_return core::fail("the disk does not answer");
  if (!server_.answers()) co_return core::fail("postgres does not answer");
  if (auto waits = co_await make_commits_wait(names); !waits) co_return waits;
  if (!bugs_.is("sync-names-not-set")) server_.sync_names_file = names;
  if (co_await fails_at("the change of synchronous_standby_names, before its reload")) {
    co_return core::fail("cannot write postgresql.conf");
  }
  if (bugs_.is("sync-names-not-set")) {
    imagined_sync_names_ = std::move(names);
  } else {
    server_.set_sync_names(std::move(names));
    if (co_await fails_at("the change of synchronous_standby_names, once it is done")) {
      co_return core::fail("postgres does not answer");
    }
  }
  co_return Result<void>();
}

awaitable<Result<bool>> SimPostgres::apply_configuration(bool) {
  if (synchronous_() || (server_.sync_names.empty() && server_.sync_names_file.empty())) co_return false;
  co_await life_.pause(m().random.duration(1ms, 10ms));
  if (co_await disk_fails()) co_return core::fail("the disk does not answer");
  if (co_await fails_at("the change of settings")) co_return core::fail("cannot write postgresql.conf");
  server_.set_sync_names("");
  co_return true;
}

awaitable<Result<void>> SimPostgres::checkpoint() {
  co_await life_.pause(m().random.mostly(20ms, 500ms, 5s, 0.05));
  while (server_.stuck) co_await life_.pause(500ms);
  if (co_await fails_at("the checkpoint")) co_return core::fail("CHECKPOINT was cancelled");
  server_.checkpoint();
  co_return Result<void>();
}

awaitable<core::Timeline> SimPostgres::newest_history() {
  const auto timeline = server_.timeline();
  co_return timeline > 1 ? timeline : 0;
}

awaitable<Result<std::vector<core::HistoryLine>>> SimPostgres::timeline_history(core::Timeline timeline) {
  co_await life_.pause(1ms);
  for (int at = server_.end.branch; at >= 0; at = m().wal.of(at).parent) {
    if (m().wal.of(at).timeline != timeline) continue;
    auto lines = m().wal.history(at);
    if (bugs_.is("history-overwritten") && lines.size() > 1) lines.erase(lines.begin(), lines.end() - 1);
    co_return lines;
  }
  co_return core::fail("no such history file");
}

awaitable<std::optional<bool>> SimPostgres::same_beginning(core::Upstream other, core::Timeline timeline,
                                                           core::Lsn from, Duration timeout) {
  const auto* there = source(other);
  if (!there || !reaches(*there)) {
    co_await life_.pause(timeout);
    co_return std::nullopt;
  }
  co_await life_.pause(m().random.duration(2ms, 20ms));
  const auto here = m().wal.on(server_.end, timeline), far = m().wal.on(there->end, timeline);
  if (!here || !far || server_.end.lsn <= from || there->end.lsn <= from) co_return std::nullopt;
  co_return here == far || bugs_.is("timelines-not-compared") || bugs_.is("twins-taken-for-one");
}

awaitable<Result<void>> SimPostgres::set_aside(bool superseded) {
  if (server_.process != ProcessState::stopped) co_return core::fail("postgres is running");
  if (co_await disk_fails()) co_return core::fail("the disk does not answer");
  const auto now = life_.scheduler().now();
  if (m().faults && m().random.chance(0.1)) server_.no_rename_until = now + m().random.any_scale(1s, 40s);
  if (now < server_.no_rename_until) co_return core::fail("cannot rename the data directory: Device or resource busy");
  if (co_await fails_at("setting the data aside")) co_return core::fail("cannot write the plan");
  server_.wipe();
  server_.copy_follows = superseded;
  if (co_await fails_at("setting the data aside, once it is done")) co_return core::fail("cannot remove the plan");
  co_return Result<void>();
}

}  // namespace tamada::sim
