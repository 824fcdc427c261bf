#include "sim/sim_server.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "core/slots.h"

namespace tamada::sim {

using namespace std::chrono_literals;
using core::ControlState;
using core::ProcessState;

namespace {
constexpr Lsn shutdown_checkpoint_bytes = 0x78;
constexpr Lsn end_of_recovery_bytes = 0x60;
constexpr Lsn wal_keep_size = 0x800000, wal_in_use = 0x100000;
constexpr Duration receiver_retry = 5s;     // wal_retrieve_retry_interval
constexpr Duration receiver_timeout = 60s;  // wal_receiver_timeout, wal_sender_timeout
constexpr Duration resend = 1s;
constexpr Duration archive_at_least = 2s, archive_timeout = 60s;  // between two files of WAL
constexpr std::string_view forked_off_before = "the new timeline forked off before our position";
}  // namespace

// The files address nodes as 10.0.0.<node + 1>.
std::optional<int> SimServer::upstream() const {
  if (!following || following->host.empty()) return std::nullopt;
  const auto dot = following->host.rfind('.');
  const int node = std::stoi(following->host.substr(dot + 1)) - 1;
  if (node < 0 || node >= static_cast<int>(m_.servers.size()) || node == node_) return std::nullopt;
  return node;
}

void SimServer::told(std::string_view what) { m_.trace.line(name_, fmt::format("postgres: {}", what)); }

void SimServer::after(Duration delay, Work work) {
  m_.scheduler.after(delay, [this, life = life_, work = std::move(work)]() mutable {
    if (life != life_) return;
    if (frozen_) {
      held_.push_back([this, life, work = std::move(work)]() mutable {
        if (life == life_) work();
      });
      return;
    }
    work();
  });
}

void SimServer::notify() {
  auto waiting = std::move(waiting_);
  waiting_.clear();
  for (auto& weak : waiting) {
    if (const auto parked = weak.lock()) parked->wake();
  }
  release_commits();
  if (writable() != was_writable_) {
    was_writable_ = !was_writable_;
    if (m_.on_role_change) m_.on_role_change(*this);
  }
}

awaitable<void> SimServer::changed(Life& life, Time until) {
  auto parked = life.parked();
  waiting_.push_back(parked);
  co_await life.wait(std::move(parked), until);
}

bool SimServer::writable() const { return answers() && !recovery && !stuck; }

void SimServer::become(ProcessState state) {
  process = state;
  notify();
}

void SimServer::wipe() {
  directory = core::DataDirectory::absent;
  control = {};
  end = {};
  standby_signal = copy_follows = false;
  following.reset();
  following_file.reset();
  promote_file = half_rewound = false;
  files.clear();
  slots.clear();
  set_sync_names("");
  newest_timeline = 0;
  kept_from = 0;
}

void SimServer::lose_power() {
  stuck = false;
  crash();
  promote_file = false;  // a postmaster removes the file when it starts
  constexpr Duration synced_anyway = 30s;
  for (auto& [at, undo] : std::exchange(not_synced_, {}) | std::views::reverse) {
    if (m_.scheduler.now() - at < synced_anyway) undo();
  }
}

void SimServer::remove_wal() {
  if (end.lsn > wal_in_use) kept_from = std::max(kept_from, end.lsn - wal_in_use);
}

void SimServer::drop_idle_slots() {
  std::erase_if(slots, [this](const auto& slot) {
    return std::ranges::none_of(m_.servers, [&](const SimServer* other) {
      return other->streaming && other->upstream() == node_ && core::slot_name(other->name_) == slot.first;
    });
  });
}

void SimServer::initialize(std::string system_identifier) {
  wipe();
  directory = core::DataDirectory::valid;
  end = {m_.wal.root(system_identifier), 0x1500000};
  control.system_identifier = std::move(system_identifier);
  control.data_checksums = m_.checksums;
  control.timeline = 1;
  control.checkpoint = control.redo = end.lsn;
  control.state = ControlState::in_production;
  newest_timeline = 1;
  ++life_;
  recovery = promoting_ = asked_to_stop_ = false;
  told("initialized, takes writes");
  process = ProcessState::running;
  if (m_.on_new_primary) m_.on_new_primary(*this);
  archive_from_now_on();
  notify();
}

void SimServer::start(bool as_standby) {
  ++life_;
  standby_signal = as_standby;
  recovery = as_standby;
  following = following_file;
  sync_names = sync_names_file;
  promote_file = false;
  if (half_rewound) m_.on_corruption(*this, name_ + " is started on a half rewound data directory");
  promoting_ = asked_to_stop_ = streaming = false;
  newest_timeline = std::max(newest_timeline, timeline());
  // A standby that did not notice the end of the previous server notices it now.
  for (auto* other : m_.servers) {
    if (other->streaming && other->upstream() == node_) other->disconnected();
  }
  const bool crash_recovery = !control.shut_down_cleanly() && control.state != ControlState::in_archive_recovery;
  if (crash_recovery && !as_standby) control.state = ControlState::in_crash_recovery;
  become(ProcessState::starting);
  told(as_standby ? "starting as a standby" : crash_recovery ? "starting, crash recovery" : "starting");
  auto takes = m_.random.mostly(100ms, 500ms, 5s, 0.1);
  if (crash_recovery) takes += m_.random.mostly(200ms, 3s, 45s, 0.1);
  if (disk_full || (m_.faults && m_.random.chance(0.02))) {
    after(takes, [this] {
      told(disk_full ? "did not start: no space left on device" : "did not start");
      ended(true);
    });
    return;
  }
  after(takes, [this] { ready(); });
}

void SimServer::ready() {
  if (stuck) return after(500ms, [this] { ready(); });
  if (recovery && replays_archived() && !recover_to_the_newest()) return ended(true);
  if (recovery) {
    control.state = ControlState::in_archive_recovery;
    if (control.min_recovery_timeline == 0 || control.min_recovery_end < end.lsn) {
      control.min_recovery_end = end.lsn;
      control.min_recovery_timeline = timeline();
    }
  } else {
    if (!control.shut_down_cleanly()) end.lsn += shutdown_checkpoint_bytes;
    control.state = ControlState::in_production;
    control.timeline = timeline();
    control.checkpoint = control.redo = end.lsn;
    control.min_recovery_end = 0;
    control.min_recovery_timeline = 0;
  }
  told(fmt::format("{} on timeline {} at {}", recovery ? "standby" : "primary", timeline(), core::format_lsn(end.lsn)));
  running_since = m_.scheduler.now();
  acknowledged_by_ = core::parse_sync_names(sync_names);
  commits_wait_ = !sync_names.empty();
  become(ProcessState::running);
  if (recovery) return connect();
  archive_from_now_on();
  end_soon();
}

// As the archive's newest timeline says. Source: PostgreSQL, InitWalRecovery().
bool SimServer::recover_to_the_newest() {
  const auto target = m_.archive.on ? m_.archive.parted(m_.wal, end) : std::nullopt;
  if (!target) return true;
  const auto common = m_.wal.common(*target, end);
  if (control.checkpoint >= common.lsn || control.min_recovery_end > common.lsn) {
    told("did not start: the newest timeline in the archive is not a child of this server's history");
    newest_timeline = m_.archive.newest(timeline());  // PostgreSQL keeps the history file that it has fetched
    return false;
  }
  told(fmt::format("leaves its WAL behind {} for the archive's newest timeline", core::format_lsn(common.lsn)));
  end = common;
  return true;
}

// Makes the server end soon after a start, for example because of a crashing extension or a full pg_wal.
void SimServer::end_soon() {
  if (m_.scheduler.now() >= ends_soon_until) return;
  after(m_.random.any_scale(10ms, 5s), [this] { crash(); });
}

void SimServer::unstick() {
  stuck = false;
  told("the disk goes on");
  if (killed_) return ended(false);
  notify();
}

void SimServer::ended(bool asked) {
  ++life_;
  streaming = promoting_ = false;
  ++connection_;
  unacknowledged_.clear();
  hung = deaf = killed_ = false;
  become(ProcessState::stopped);
  if (on_exit) on_exit(asked || asked_to_stop_);
}

// The server was killed, but none of its processes ends. None runs another instruction, either.
void SimServer::killed_in_vain() {
  ++life_;
  promoting_ = streaming = false;
  ++connection_;
  unacknowledged_.clear();
  killed_ = true;
  notify();
}

void SimServer::crash() {
  if (process == ProcessState::stopped) return;
  told("crash");
  if (stuck) return killed_in_vain();
  // The control file of a standby does not contain what has not been flushed to the data files; the WAL stays.
  ended(false);
}

void SimServer::stop(core::StopMode mode) {
  if (process == ProcessState::stopped) return;
  asked_to_stop_ = true;
  unacknowledged_.clear();  // their sessions end
  if (mode == core::StopMode::immediate) {
    told("immediate shutdown");
    if (stuck) return killed_in_vain();
    const auto life = ++life_;  // pending work of its processes ends, including a promotion
    promoting_ = false;
    m_.scheduler.after(m_.random.duration(5ms, 100ms), [this, life] {
      if (life == life_) ended(true);
    });
    // No session survives the signal.
    if (process == ProcessState::running) become(ProcessState::stopping);
    return;
  }
  if (process == ProcessState::stopping) return;
  told("fast shutdown");
  const bool was_starting = process == ProcessState::starting;
  const bool standby = recovery;
  become(ProcessState::stopping);
  ++life_;
  ++connection_;
  promoting_ = streaming = false;
  const auto takes = m_.random.mostly(50ms, 800ms, 20s, m_.faults ? 0.08 : 0.01);
  finish_stop(takes + (hung || deaf ? 30s : 0s), was_starting, standby);
}

void SimServer::finish_stop(Duration takes, bool was_starting, bool standby) {
  after(takes, [this, was_starting, standby] {
    if (stuck) return finish_stop(500ms, was_starting, standby);
    if (was_starting) return ended(true);
    if (!standby) return shutdown_primary();
    control.state = ControlState::shut_down_in_recovery;
    control.min_recovery_end = end.lsn;
    control.min_recovery_timeline = timeline();
    told(fmt::format("standby stopped at {}", core::format_lsn(end.lsn)));
    ended(true);
  });
}

void SimServer::shutdown_primary() {
  if (disk_full) {
    told("PANIC: no space left on device");
    return ended(false);
  }
  control.state = ControlState::shut_down;
  control.checkpoint = control.redo = end.lsn;
  control.timeline = timeline();
  end.lsn += shutdown_checkpoint_bytes;
  for (auto* other : m_.servers) send_to(*other);
  wait_for_standbys(m_.scheduler.now() + receiver_timeout);
}

// The WAL senders wait until all connected standbys have the last record.
void SimServer::wait_for_standbys(Time until) {
  const bool all = std::ranges::all_of(m_.servers, [this](const SimServer* other) {
    return !other->streaming || other->upstream() != node_ || other->end.lsn >= end.lsn;
  });
  if (!all && m_.scheduler.now() < until) {
    after(20ms, [this, until] { wait_for_standbys(until); });
    return;
  }
  told(fmt::format("primary stopped cleanly, checkpoint at {}", core::format_lsn(control.checkpoint)));
  m_.archive.keep(m_.wal, end);
  // archive_command archives the last WAL, and may hang meanwhile.
  if (m_.faults && m_.random.chance(0.2)) return after(m_.random.any_scale(1s, 40s), [this] { ended(true); });
  ended(true);
}

void SimServer::shut_down_alone() {
  control.state = ControlState::shut_down;
  control.checkpoint = control.redo = end.lsn;
  control.timeline = timeline();
  control.min_recovery_end = 0;
  control.min_recovery_timeline = 0;
  end.lsn += shutdown_checkpoint_bytes;
}

void SimServer::begin_promotion() {
  if (promoting_ || !recovery || process != ProcessState::running) return;
  promoting_ = true;
  promote_file = false;
  streaming = false;
  ++connection_;
  told("promotion begins");
  after(m_.random.mostly(30ms, 400ms, 4s, 0.05), [this] {
    if (disk_full || (m_.faults && m_.random.chance(0.02))) {
      told("ended while being promoted");
      ended(false);
      return;
    }
    promoted();
  });
}

void SimServer::promoted() {
  if (hung || stuck) {
    after(500ms, [this] { promoted(); });
    return;
  }
  restore();  // PostgreSQL restores what the archive has before it ends its recovery
  promoting_ = recovery = false;
  standby_signal = false;
  newest_timeline = m_.archive.newest(std::max(newest_timeline, timeline())) + 1;
  end = {m_.wal.fork(end, newest_timeline), end.lsn};
  if (m_.archive.on) {
    after(m_.random.any_scale(50ms, 5s), [this, history = end] { m_.archive.keep(m_.wal, history); });
    archive_from_now_on();
  }
  control.state = ControlState::in_production;
  control.min_recovery_end = end.lsn;
  control.min_recovery_timeline = newest_timeline;
  told(fmt::format("promoted to timeline {} at {}", newest_timeline, core::format_lsn(end.lsn)));
  end_soon();
  if (m_.on_new_primary) m_.on_new_primary(*this);
  end.lsn += end_of_recovery_bytes;
  notify();
  for (auto* other : m_.servers) send_to(*other);
  after(m_.random.duration(20s, 120s), [this] { checkpoint(); });
}

void SimServer::replaced_by_its_standby() {
  const Lsn lacks = m_.random.chance(0.5) ? m_.random.below(5000) : 0;
  const Lsn fork = end.lsn - std::min(lacks, end.lsn - m_.wal.of(end.branch).fork);
  newest_timeline = timeline() + 1;
  end = {m_.wal.fork({end.branch, fork}, newest_timeline), fork + end_of_recovery_bytes};
  control.timeline = newest_timeline;
  control.checkpoint = control.redo = end.lsn;
  told(fmt::format("another server has its place, on timeline {} from {}", newest_timeline, core::format_lsn(fork)));
  for (auto* other : m_.servers) {
    if (other->streaming && other->upstream() == node_) other->disconnected();
  }
}

void SimServer::checkpoint() {
  if (process != ProcessState::running || recovery || stuck) return;
  control.timeline = timeline();
  control.checkpoint = control.redo = end.lsn;
  auto needed = end.lsn > wal_keep_size ? end.lsn - wal_keep_size : 0;
  for (const auto& [name, lsn] : slots) needed = std::min(needed, lsn);
  kept_from = std::max(kept_from, needed);
}

// ---- synchronous replication

void SimServer::commit(Lsn bytes) {
  if (disk_full) {
    told("PANIC: no space left on device");
    ended(false);
    return;
  }
  end.lsn += bytes;
  if (commits_wait_) {
    unacknowledged_.push_back(end.lsn);
  } else {
    m_.on_acknowledged(*this, end.lsn);
  }
  for (auto* other : m_.servers) send_to(*other);
}

void SimServer::set_sync_names(std::string names) {
  sync_names_file = names;
  if (names == sync_names) return;
  sync_names = std::move(names);
  if (process != ProcessState::running) return;  // the file is read at the next start
  after(m_.random.mostly(1ms, 10ms, 90ms, 0.1), [this] {
    acknowledged_by_ = core::parse_sync_names(sync_names);
    release_commits();
  });
  const auto checkpointer = recovery ? m_.random.duration(1ms, 10ms) : m_.random.mostly(1ms, 10ms, 3s, 0.05);
  after(checkpointer, [this] {
    commits_wait_ = !sync_names.empty();
    release_commits();
  });
}

bool SimServer::waits_for(const SimServer& standby) const {
  return acknowledged_by_.count > 0 && acknowledged_by_.standbys.contains(standby.name_);
}

std::vector<core::ReplicationConnection> SimServer::replication() const {
  const bool quorum = acknowledged_by_.method == core::SyncNames::Method::quorum;
  std::vector<core::ReplicationConnection> rows;
  for (const auto* other : m_.servers) {
    if (!streams_to(*other)) continue;
    const bool waited_for = waits_for(*other);
    rows.push_back({.usename = "replicator",
                    .application_name = other->name_,
                    .client_addr = fmt::format("10.0.0.{}", other->node_ + 1),
                    .state = "streaming",
                    .sync_state = !waited_for ? "async"
                                  : quorum    ? "quorum"
                                              : "sync",
                    .sync_priority = waited_for ? 1 : 0,
                    .flush_lsn = other->confirmed_,
                    .sync_lsn = other->confirmed_});
  }
  return rows;
}

Lsn SimServer::confirmed_by_standbys() const {
  if (acknowledged_by_.count <= 0 || !commits_wait_) return end.lsn;
  const auto needed = static_cast<std::size_t>(acknowledged_by_.count);
  std::vector<Lsn> confirmed;
  for (const auto* other : m_.servers) {
    // PostgreSQL compares only positions, whatever history they belong to.
    if (streams_to(*other) && waits_for(*other)) confirmed.push_back(other->confirmed_);
  }
  if (confirmed.size() < needed) return 0;
  // With FIRST the first of the names count, however late they are.
  if (acknowledged_by_.method == core::SyncNames::Method::priority) confirmed.resize(needed);
  std::ranges::sort(confirmed, std::greater());
  return confirmed[needed - 1];
}

void SimServer::release_commits() {
  if (unacknowledged_.empty() || !writable()) return;
  const auto done = std::ranges::upper_bound(unacknowledged_, confirmed_by_standbys());
  for (auto it = unacknowledged_.begin(); it != done; ++it) {
    m_.on_acknowledged(*this, *it);
  }
  unacknowledged_.erase(unacknowledged_.begin(), done);
}

// Tells the upstream which WAL is on this server's disk.
void SimServer::confirm() {
  const auto source = upstream();
  if (!source || !streaming || confirming_) return;
  if (!m_.network.open(node_, *source)) {
    confirming_ = true;
    m_.scheduler.after(resend, [this] {
      confirming_ = false;
      confirm();
    });
    return;
  }
  confirmed_ = end.lsn;
  auto& to = *m_.servers[static_cast<std::size_t>(*source)];
  if (const auto slot = to.slots.find(core::slot_name(name_)); slot != to.slots.end()) slot->second = end.lsn;
  to.release_commits();
}

// ---- streaming

std::string SimServer::cannot_stream_from(const SimServer& source) const {
  if (!source.lets_in()) return "the upstream does not answer";
  if (source.control.system_identifier != control.system_identifier) return "another system identifier";
  if (!source.keeps_all_wal && !source.slots.contains(core::slot_name(name_))) return "the slot does not exist";
  if (needs_removed_wal(source)) return "requested WAL segment has already been removed";
  const auto own = timeline();
  const auto theirs = source.timeline();
  if (theirs < own) return "highest timeline of the primary is behind recovery timeline";
  if (theirs == own) return end.lsn > source.end.lsn ? "requested starting point is ahead" : "";
  for (const auto& line : m_.wal.history(source.end.branch)) {
    if (line.timeline == own) return end.lsn > line.lsn ? std::string(forked_off_before) : "";
  }
  return "our timeline is not in the upstream's history";
}

// The archiver of this primary, which saves its WAL again and again.
void SimServer::archive_from_now_on() {
  if (!m_.archive.on) return;
  after(m_.random.any_scale(archive_at_least, archive_timeout), [this] {
    if (recovery) return;
    if (writable()) m_.archive.keep(m_.wal, end);
    archive_from_now_on();
  });
}

// A standby that does not stream reads the archive before it tries to connect again.
void SimServer::restore() {
  if (!m_.archive.on || hung || stuck || disk_full || frozen_) return;
  const auto found = m_.archive.beyond(m_.wal, end, replays_archived());
  if (!found) return;
  end = *found;
  newest_timeline = std::max(newest_timeline, timeline());
  told(fmt::format("restored from the archive up to {} on timeline {}", core::format_lsn(end.lsn), timeline()));
  notify();
  for (auto* other : m_.servers) send_to(*other);
}

void SimServer::connect() {
  if (connecting_ || process != ProcessState::running || !recovery || promoting_ || streaming) return;
  connecting_ = true;
  const auto life = life_;
  m_.scheduler.after(m_.random.duration(10ms, 100ms), [this, life] {
    connecting_ = false;
    if (process != ProcessState::running || !recovery || promoting_ || streaming) return;
    if (life != life_) return connect();
    if (promote_file) return begin_promotion();  // starting a WAL receiver wakes the postmaster
    restore();
    const auto source_node = upstream();
    auto* source = source_node ? m_.servers[static_cast<std::size_t>(*source_node)] : nullptr;
    const bool open = source && !hung && !frozen_ && m_.network.both_ways(node_, *source_node);
    const auto why = open ? cannot_stream_from(*source) : "no connection";
    // PostgreSQL sends the WAL that it has of the old timeline and then ends the stream. Meanwhile the standby seems to
    // stream.
    const bool in_vain = why == forked_off_before;
    if (!why.empty() && !in_vain) {
      after(receiver_retry, [this] { connect(); });
      return;
    }
    streaming = true;
    ++connection_;
    sent_ = 0;
    last_arrival_ = {};
    retry_ = false;
    blocked_since_ = m_.scheduler.now();
    told(fmt::format("streaming from {}", source->name_));
    confirm();
    if (in_vain) {
      m_.scheduler.after(m_.random.mostly(1ms, 20ms, 1200ms, 0.2), [this, connection = connection_] {
        if (connection == connection_) disconnected();
      });
    } else {
      source->send_to(*this);
    }
    notify();
  });
}

void SimServer::follow(std::optional<core::Upstream> upstream) {
  following_file = upstream;
  const bool changed = following != upstream;
  following = std::move(upstream);
  if (!changed || process != ProcessState::running || !recovery) return;
  streaming = false;
  ++connection_;
  connect();
}

void SimServer::disconnected() {
  streaming = false;
  ++connection_;
  notify();
  after(receiver_retry, [this] { connect(); });
}

// Called on the upstream whenever there may be something to send.
void SimServer::send_to(SimServer& standby) {
  if (&standby == this || !standby.streaming || standby.upstream() != node_) return;
  if (standby.sent_ == end.lsn && standby.end.branch == end.branch) return;
  const bool alive = process == ProcessState::running || process == ProcessState::stopping;
  const auto now = m_.scheduler.now();
  const auto connection = standby.connection_;
  if (!alive || hung || stuck || frozen_ || standby.hung || standby.stuck || standby.frozen_ ||
      !m_.network.open(node_, standby.node_)) {
    if (process == ProcessState::stopped || now - standby.blocked_since_ > receiver_timeout) {
      standby.disconnected();
      return;
    }
    if (standby.retry_) return;
    standby.retry_ = true;
    m_.scheduler.after(resend, [this, &standby, connection] {
      if (standby.connection_ != connection) return;
      standby.retry_ = false;
      send_to(standby);
    });
    return;
  }
  standby.blocked_since_ = now;
  standby.sent_ = end.lsn;
  standby.last_arrival_ =
      std::max(standby.last_arrival_, now + m_.random.mostly(200us, 3ms, 100ms, 0.02) + standby.lag);
  m_.scheduler.at(standby.last_arrival_,
                  [&standby, position = end, connection] { standby.receive(position, connection); });
}

void SimServer::receive(Position position, std::uint64_t connection) {
  if (connection != connection_ || !streaming) return;
  if (frozen_) {
    held_.push_back([this, position, connection] { receive(position, connection); });
    return;
  }
  if (!m_.wal.contains(position, end)) {
    if (m_.wal.timeline(position) == timeline() || position.lsn >= end.lsn) {
      // PostgreSQL compares only the timelines' numbers, so it would go on with WAL of another history.
      const auto source = upstream();
      const auto why =
          source ? cannot_stream_from(*m_.servers[static_cast<std::size_t>(*source)]) : std::string("no upstream");
      if (why.empty()) {
        const auto& theirs = m_.wal.of(position.branch);
        const bool same_fork =
            theirs.parent == m_.wal.of(end.branch).parent && theirs.fork == m_.wal.of(end.branch).fork;
        m_.on_corruption(
            *this, fmt::format("{} on timeline {} follows another history of the same number{}", name_, timeline(),
                               same_fork ? ", which left the old timeline at the same position" : ""));
      }
    }
    streaming = false;
    ++connection_;
    notify();
    after(receiver_retry, [this] { connect(); });
    return;
  }
  if (disk_full) {
    streaming = false;
    ++connection_;
    notify();
    after(receiver_retry, [this] { connect(); });
    return;
  }
  end = position;
  received_at = m_.scheduler.now();
  newest_timeline = std::max(newest_timeline, timeline());
  if (m_.random.chance(0.1)) {
    control.min_recovery_end = end.lsn;
    control.min_recovery_timeline = timeline();
  }
  confirm();
  for (auto* other : m_.servers) send_to(*other);
}

// ---- the node

void SimServer::freeze() {
  frozen_ = true;
  notify();
}

void SimServer::thaw() {
  frozen_ = false;
  auto held = std::move(held_);
  held_.clear();
  for (auto& work : held) work();
  notify();
}

}  // namespace tamada::sim
