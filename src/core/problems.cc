#include "core/problems.h"

#include <algorithm>
#include <bit>

#include "core/lost_keys.h"
#include "core/presentation.h"
#include "core/server_features.h"
#include "core/silence.h"
#include "core/stuck_disk.h"

namespace tamada::core {

namespace {

std::string failing(std::string_view what, const Retry& retry) {
  return std::string(what) + " failed " + (retry.failures == 1 ? "once" : std::to_string(retry.failures) + " times") +
         ": " + first_line(retry.error);
}

class List {
 public:
  List(const Observation& given, const Memory& remembered) : seen(given), memory(remembered) {}

  void add(ProblemKind kind, std::string text) {
    if (!text.empty()) found.push_back({.kind = kind, .text = std::move(text)});
  }
  void add_all(const Problems& others) { found.insert(found.end(), others.begin(), others.end()); }

  const Observation& seen;
  const Memory& memory;
  Problems found;
};

// A server that runs again has been mended, although its failed starts still count for a while. One that has ended soon
// after its start may do so again.
bool starts_again(const List& to, JobKind kind, const Retry& retry) {
  return kind == JobKind::start && to.seen.postgres.process == ProcessState::running &&
         retry.error != ended_soon_after_start;
}

void jobs(List& to) {
  if (to.seen.postgres.shut_down()) to.add(ProblemKind::job, shutdown_waits_for(to.seen.postgres));
  for (const auto& [kind, retry] : to.memory.jobs.backoff) {
    if (retry.failures == 0 || kind == JobKind::rewind || starts_again(to, kind, retry)) continue;
    to.add(ProblemKind::job, failing(name(kind), retry));
  }
  for (const auto& [what, retry] : to.seen.retries) {
    if (retry.failures > 0) to.add(ProblemKind::job, failing(what, retry));
  }
}

void fences(List& to) {
  to.add(ProblemKind::guard, to.seen.fence.unguarded);
  if (!to.seen.fence.usable) to.add(ProblemKind::watchdog, to.seen.fence.trouble);
}

void dcs(List& to) {
  const auto& dcs = to.seen.dcs;
  if (!dcs.ok && dcs.failing_since != Instant{})
    to.add(ProblemKind::dcs, "etcd does not answer: " + first_line(dcs.error));
}

void rewind(List& to) {
  if (to.seen.job.running() && to.seen.job.kind == JobKind::rewind) return;  // it is not known yet how pg_rewind ends
  if (to.seen.postgres.data_directory == DataDirectory::half_rewound) {
    return to.add(ProblemKind::rewind, half_rewound(to.seen.postgres));
  }
  const auto retry = to.memory.jobs.backoff.find(JobKind::rewind);
  if (retry != to.memory.jobs.backoff.end() && retry->second.failures > 0) {
    return to.add(ProblemKind::rewind, failing("pg_rewind", retry->second));
  }
  if (!to.memory.rewind.failed) return;
  to.add(ProblemKind::rewind, to.memory.rewind.error.empty()
                                  ? "pg_rewind did not help"
                                  : "pg_rewind failed: " + first_line(to.memory.rewind.error));
}

constexpr Duration clock_tolerance = 2s;

std::string rough(Duration length) {
  if (length < 2min) return std::to_string(length / 1s) + " s";
  return length < 2h ? std::to_string((length + 30s) / 1min) + " min" : std::to_string((length + 30min) / 1h) + " h";
}

// Two clocks alone do not show which of them is wrong; `doctor` compares the clocks of all members.
void clock(List& to) {
  const auto ahead = to.seen.dcs.clock_ahead;
  if (abs(ahead) < clock_tolerance) return;
  to.add(ProblemKind::clock,
         "the clock of this host is " + rough(abs(ahead)) + (ahead > Duration::zero() ? " ahead of" : " behind") +
             " etcd's: scheduled actions come too " + (ahead > Duration::zero() ? "early" : "late") +
             ", and the times in the logs of different hosts cannot be compared; leases and timeouts do not depend on "
             "this clock");
}

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

// The size, cut to the greatest power of two so that the text seldom changes: "64 MB", "4 GB".
std::string rough(std::uint64_t bytes) {
  const auto power = std::bit_floor(bytes);
  if (power < 1024 * mebibyte) return std::to_string(power / mebibyte) + " MB";
  return std::to_string(power / (1024 * mebibyte)) + " GB";
}

// How much WAL a slot may keep before that is reported. With a limit (max_slot_wal_keep_size) it is half of the limit.
// Without one it is a fifth of the free space for pg_wal, but at most 10 GB, because a reader that far behind has been
// away for long, and at least max_wal_size, which PostgreSQL keeps without any slot.
std::uint64_t much_wal(const PostgresView& postgres) {
  if (postgres.sql->slot_keeps_at_most) return *postgres.sql->slot_keeps_at_most / 2;
  constexpr std::uint64_t much = 10 * 1024 * mebibyte;
  return std::max(postgres.sql->max_wal_size, std::min(much, postgres.wal_space.value_or(5 * much) / 5));
}

void slots(List& to) {
  if (!to.seen.postgres.sql) return;
  const auto& sql = *to.seen.postgres.sql;
  const auto much = std::max(much_wal(to.seen.postgres), mebibyte);
  for (const auto& slot : sql.slots) {
    if (slot.lost) {
      to.add(ProblemKind::slots, "WAL that slot " + slot.name + " should have kept is gone");
    } else if (slot.keeps_from && sql.wal_lsn > *slot.keeps_from && sql.wal_lsn - *slot.keeps_from > much) {
      to.add(ProblemKind::slots,
             "slot " + slot.name + " holds more than " + rough(sql.wal_lsn - *slot.keeps_from) + " of WAL, " +
                 (sql.slot_keeps_at_most
                      ? "more than half of max_slot_wal_keep_size: beyond that size PostgreSQL removes the WAL, and "
                        "the slot's reader has to be set up anew"
                      : "and max_slot_wal_keep_size sets no limit: pg_wal grows until its reader has caught up or the "
                        "slot is dropped"));
    }
  }
}

// Before version 11 logical slots cannot be advanced, so no member makes them; Patroni does not, either. Only the
// primary reports this.
void logical_slots_of_old_servers(List& to) {
  const auto& postgres = to.seen.postgres;
  if (!postgres.sql || postgres.sql->in_recovery || !to.seen.settings.use_slots) return;
  if (!features::is_known(postgres.server_version) || features::advances_slots(postgres.server_version)) return;
  std::string names;
  for (const auto& [name, slot] : to.seen.settings.slots) {
    if (!slot.physical) names += (names.empty() ? "" : ", ") + name;
  }
  if (names.empty()) return;
  to.add(
      ProblemKind::slots,
      "permanent logical slots are not created before PostgreSQL 11, because earlier versions cannot advance slots: " +
          names + "; create them on the primary by hand, and again after each failover");
}

}  // namespace

Problems problems(const Observation& seen, const Memory& memory) {
  List list(seen, memory);
  jobs(list);
  fences(list);
  dcs(list);
  clock(list);
  list.add(ProblemKind::keys, lost_keys_obstacle(seen, memory).value_or(""));
  rewind(list);
  slots(list);
  logical_slots_of_old_servers(list);
  list.add(ProblemKind::connections, connection_problem(seen));
  list.add_all(seen.postgres.problems);
  list.add(ProblemKind::disk, stuck_disk_problem(seen, memory));
  list.add_all(seen.noticed);
  return std::move(list.found);
}

std::optional<ProblemKind> problem_kind(std::string_view name) {
  const auto found = std::ranges::find(problem_kinds, name, &ProblemTraits::name);
  return found == problem_kinds.end() ? std::nullopt : std::optional(found->kind);
}

std::string in_one_line(const Problems& problems) {
  std::string text;
  for (const auto& problem : problems) text += (text.empty() ? "" : "; ") + problem.text;
  return text;
}

}  // namespace tamada::core
