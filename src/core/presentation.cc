#include "core/presentation.h"

#include <algorithm>

#include "core/problems.h"

namespace tamada::core {

std::string state_word(const Observation& seen, const Memory& memory) {
  const auto& job = seen.job;
  if (job.running()) {
    switch (job.kind) {
      case JobKind::bootstrap:
        if (!seen.settings.custom_bootstrap) return "initializing new cluster";
        return job.step.empty() ? "running custom bootstrap script" : "starting after custom bootstrap";
      case JobKind::basebackup:
        return "creating replica";
      case JobKind::stop:
        return memory.restarting ? "restarting" : "stopping";
      case JobKind::start:
        if (seen.postgres.process != ProcessState::running) return "starting";
        break;
      default:
        break;
    }
  }
  switch (seen.postgres.process) {
    case ProcessState::running:
      return "running";
    case ProcessState::unresponsive:
      return seen.postgres.crashed ? "crashed" : "running";
    case ProcessState::starting:
      return "starting";
    case ProcessState::stopping:
      return "stopping";
    case ProcessState::stopped:
      break;
  }
  if (job.kind == JobKind::bootstrap && job.state == JobState::failed) {
    return seen.settings.custom_bootstrap ? "custom bootstrap failed" : "initdb failed";
  }
  if (job.kind == JobKind::start && job.state == JobState::failed) return "start failed";
  // In pause the daemon does not start a crashed server again, and Patroni calls it "stopped".
  const bool crashed = seen.postgres.crashed && !memory.data.bootstrapping && !seen.settings.pause;
  return crashed ? "crashed" : "stopped";
}

std::string role_word(const Observation& seen, const Memory& memory) {
  if (seen.postgres.running_primary()) return "primary";
  if (seen.postgres.running_standby()) {
    return seen.leader_key_names_us() && seen.settings.standby_cluster ? "standby_leader" : "replica";
  }
  const auto data = seen.postgres.data_directory;
  if (data != DataDirectory::valid && data != DataDirectory::half_rewound) return "uninitialized";
  if (seen.postgres.process == ProcessState::stopped && memory.callbacks.role == "demoted") return "demoted";
  // While the leader key is ours, a primary that is starting again, or does not answer for a moment, is still shown as
  // the primary.
  if (seen.holds_leader_key() && seen.postgres.control && seen.postgres.control->was_primary()) return "primary";
  return "replica";
}

std::string shutdown_waits_for(const PostgresView& postgres) {
  if (postgres.wal_to_archive == 0) return "PostgreSQL has shut down, except for its WAL senders";
  return "PostgreSQL has shut down, except for archive_command, which still has to archive " +
         std::to_string(postgres.wal_to_archive) + (postgres.wal_to_archive == 1 ? " WAL file" : " WAL files");
}

std::string first_line(const std::string& text) { return text.substr(0, std::min<std::size_t>(text.find('\n'), 200)); }

// Source: PostgreSQL, pg_rewind's reference page, in all versions: if pg_rewind fails while it works, the target is
// likely not recoverable, and a fresh backup is recommended.
std::string half_rewound(const PostgresView& postgres) {
  const auto& error = postgres.rewind_error;
  return "the data directory is half rewound: it is kept, and not started; run reinit on this member for a fresh copy, "
         "or set remove_data_directory_on_rewind_failure (" +
         (error.empty() ? "pg_rewind was interrupted" : first_line(error)) + ")";
}

std::optional<CopyProgress> copy_progress(const Observation& seen) {
  const auto& job = seen.job;
  if (!job.running() || job.kind != JobKind::basebackup || job.step.empty()) return std::nullopt;
  CopyProgress out{.what = job.step, .bytes_done = job.bytes_done, .bytes_total = job.bytes_total};
  const double elapsed_s = std::chrono::duration<double>(seen.now - job.step_since).count();
  if (elapsed_s > 0) out.bytes_per_s = static_cast<std::uint64_t>(static_cast<double>(job.bytes_done) / elapsed_s);
  if (out.bytes_per_s > 0 && out.bytes_total > 0 && out.bytes_total >= out.bytes_done) {
    out.seconds_left = static_cast<std::int64_t>((out.bytes_total - out.bytes_done) / out.bytes_per_s);
  }
  return out;
}

Member member_record(const Observation& seen, const Memory& memory, const Problems& standing) {
  Member record;
  record.name = seen.self;
  record.conn_url = seen.settings.conn_url;
  record.api_url = seen.settings.api_url;
  record.proxy_url = seen.settings.proxy_url;
  record.state = state_word(seen, memory);
  record.role = role_word(seen, memory);
  if (record.role == "demoted") record.role = "replica";
  record.version = compatible_version;
  record.tags = seen.settings.tags;
  record.pause = seen.settings.pause;
  if (seen.requests.scheduled_restart) record.scheduled_restart_json = seen.requests.scheduled_restart->json;
  record.copy = copy_progress(seen);
  auto published = standing;
  std::erase_if(published, [](const Problem& one) { return !traits(one.kind).in_member_key; });
  record.trouble = in_one_line(published);
  const bool promoted_here = seen.job.kind == JobKind::promote && seen.job.state == JobState::succeeded;
  if (seen.postgres.running_primary() && promoted_here) {
    record.checkpoint_pending = seen.checkpointed != seen.postgres.sql->timeline;
  }
  if (const auto& sql = seen.postgres.sql) {
    record.xlog_location = sql->wal_lsn;
    record.timeline = sql->timeline ? std::optional{sql->timeline} : std::nullopt;
    if (sql->in_recovery) {
      record.receive_lsn = sql->receive_lsn;
      record.replay_lsn = sql->replay_lsn;
      record.replication_state = sql->replication_state;
    }
    if (!sql->pending_restart.empty()) {
      record.pending_restart = true;
      std::string reason;
      for (const auto& [parameter, values] : sql->pending_restart) {
        reason += (reason.empty() ? "\"" : ",\"") + parameter + "\":" + values;
      }
      record.pending_restart_reason_json = "{" + reason + "}";
    }
  }
  return record;
}

bool differs_in_kind(const Member& a, const Member& b) {
  return a.conn_url != b.conn_url || a.api_url != b.api_url || a.proxy_url != b.proxy_url || a.state != b.state ||
         a.role != b.role || a.version != b.version || a.tags.published != b.tags.published || a.pause != b.pause ||
         a.timeline != b.timeline || a.checkpoint_pending != b.checkpoint_pending ||
         a.replication_state != b.replication_state || a.pending_restart != b.pending_restart ||
         a.pending_restart_reason_json != b.pending_restart_reason_json ||
         a.scheduled_restart_json != b.scheduled_restart_json || a.copy.has_value() != b.copy.has_value() ||
         a.trouble.empty() != b.trouble.empty();
}

bool differs_in_position(const Member& a, const Member& b) {
  return a.trouble != b.trouble || a.xlog_location != b.xlog_location || a.receive_lsn != b.receive_lsn ||
         a.replay_lsn != b.replay_lsn;
}

}  // namespace tamada::core
