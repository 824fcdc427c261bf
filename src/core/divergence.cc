#include "core/divergence.h"

#include <algorithm>

#include "core/history.h"

namespace tamada::core {
namespace {

struct LocalEnd {
  Timeline timeline = 0;
  Lsn lsn = 0;
  bool record_begins_here = false;  // lsn is where the last record begins, not where it ends
};

std::optional<LocalEnd> local_end(const PostgresView& local, const std::optional<UpstreamView>& own) {
  if (local.sql) {
    if (!own || !own->reachable) return std::nullopt;
    return LocalEnd{own->timeline, own->lsn, false};
  }
  if (!local.control) return std::nullopt;
  const auto& control = *local.control;
  switch (control.state) {
    case ControlState::shut_down:  // the shutdown checkpoint is the last record
      return LocalEnd{control.timeline, control.checkpoint, true};
    case ControlState::shut_down_in_recovery:
    case ControlState::in_archive_recovery:
      if (control.min_recovery_timeline != 0) {
        return LocalEnd{control.min_recovery_timeline, control.min_recovery_end, false};
      }
      return LocalEnd{control.timeline, control.checkpoint, true};
    default:
      return std::nullopt;  // it crashed as a primary, so only recovery finds the end of its WAL
  }
}

bool same_forks(const std::vector<HistoryLine>& a, const std::vector<HistoryLine>& b) {
  return std::ranges::equal(
      a, b, [](const HistoryLine& x, const HistoryLine& y) { return x.timeline == y.timeline && x.lsn == y.lsn; });
}

// Whether both servers reached our timeline through the same earlier timelines. If the upstream does not know our
// timeline, the result is true, because other functions judge that case.
bool same_past(const std::vector<HistoryLine>& ours, Timeline our_timeline, const UpstreamView& upstream) {
  if (our_timeline >= upstream.timeline || !beginning_of(our_timeline, upstream.history, upstream.timeline))
    return true;
  auto theirs = upstream.history;
  std::erase_if(theirs, [&](const HistoryLine& line) { return line.timeline >= our_timeline; });
  return same_forks(ours, theirs);
}

}  // namespace

bool is_fork_of_same_number(const UpstreamView& upstream) {
  if (upstream.same_beginning && !*upstream.same_beginning) return true;
  if (upstream.our_history && !same_forks(*upstream.our_history, upstream.history)) return true;
  return upstream.our_past && !same_past(*upstream.our_past, upstream.our_timeline, upstream);
}

bool beyond_the_fork(const PostgresView& local, const ClusterView& cluster) {
  if (!local.running_standby() || !cluster.history) return false;
  const auto& sql = *local.sql;
  return std::ranges::any_of(*cluster.history, [&](const HistoryLine& line) {
    return sql.timeline != 0 && line.timeline == sql.timeline && line.lsn < sql.wal_lsn;
  });
}

Divergence divergence(const PostgresView& local, const UpstreamView& upstream, const std::optional<UpstreamView>& own) {
  if (!upstream.reachable || upstream.timeline == 0) return Divergence::unknown;
  if (is_fork_of_same_number(upstream)) return Divergence::same_number_fork;
  // This server was a primary until it stopped, and the upstream is another primary on a timeline of the same number:
  // the two were promoted independently, even if both left the old timeline at the same position.
  const bool was_primary = !local.sql && local.control && local.control->was_primary() && !local.standby_signal;
  if (was_primary) {
    // Between a promotion and the checkpoint after it, only the history file shows the new timeline.
    const Timeline ours = std::max(local.control->timeline, upstream.our_newest);
    if (ours == upstream.timeline && !upstream.in_recovery) return Divergence::same_number_fork;
    if (ours > upstream.timeline) return Divergence::diverged;
  }
  const bool crashed_primary =
      !local.sql && local.control && local.control->was_primary() && local.control->state != ControlState::shut_down;
  if (crashed_primary) {
    // On the same timeline, the upstream's WAL began as ours did, so nothing has diverged. On another timeline
    // pg_rewind itself finds out whether the two have diverged.
    return local.control->timeline == upstream.timeline ? Divergence::none : Divergence::diverged;
  }
  const auto end = local_end(local, own);
  if (!end || end->timeline == 0) return Divergence::unknown;
  if (end->timeline > upstream.timeline) return Divergence::diverged;
  if (end->timeline == upstream.timeline) {
    // A server that is behind a primary of the same timeline just lacks a part of the primary's WAL.
    const bool ahead = end->record_begins_here ? end->lsn >= upstream.lsn : end->lsn > upstream.lsn;
    return ahead && !upstream.in_recovery && upstream.lsn != 0 ? Divergence::same_number_fork : Divergence::none;
  }
  for (const auto& line : upstream.history) {
    if (line.timeline != end->timeline) continue;
    const bool within = end->record_begins_here ? end->lsn < line.lsn : end->lsn <= line.lsn;
    return within ? Divergence::none : Divergence::diverged;
  }
  return Divergence::diverged;  // our timeline is not in the upstream's history
}

}  // namespace tamada::core
