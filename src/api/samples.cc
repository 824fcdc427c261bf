#include "api/samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tamada::api {
namespace {

constexpr auto sample_every = std::chrono::seconds(10);
constexpr auto samples_kept_for = std::chrono::hours(1);
constexpr std::size_t samples_max = samples_kept_for / sample_every;

template <class Number>
std::string number_or_null(std::optional<Number> number) {
  return number ? fmt::format("{}", *number) : "null";
}

std::string milliseconds_or_null(std::optional<core::Duration> duration) {
  if (!duration) return "null";
  return fmt::format("{:.2f}", std::chrono::duration<double, std::milli>(*duration).count());
}

std::optional<core::Duration> longest_request(Telemetry& telemetry) {
  std::optional<core::Duration> longest;
  for (auto& [operation, requests] : telemetry.dcs_requests) longest = std::max(longest, requests.take_longest());
  return longest;
}

struct Lag {
  std::optional<core::Lsn> receive, replay;
};

// How far this standby is behind. The WAL ends where the leader, the upstream or our own server says, whichever is
// furthest: each of the three may be some seconds old.
Lag standby_lag(const core::Observation& seen) {
  const auto& sql = seen.postgres.sql;
  if (!sql || !sql->in_recovery || sql->wal_lsn == 0) return {};
  const auto told = seen.cluster.status ? seen.cluster.status->optime.value_or(0) : 0;
  const auto end = std::max({told, sql->latest_end_lsn.value_or(0), sql->wal_lsn});
  Lag lag{.receive = end - sql->wal_lsn, .replay = {}};
  if (sql->replay_lsn) lag.replay = end - std::min(*sql->replay_lsn, end);
  return lag;
}

}  // namespace

std::optional<std::uint64_t> Samples::wal_per_s(const core::Observation& seen) {
  if (!seen.postgres.running_primary()) {
    last_wal_.reset();
    return std::nullopt;
  }
  const auto& sql = *seen.postgres.sql;
  const WalEnd now{.lsn = sql.wal_lsn, .timeline = sql.timeline, .at = seen.now};
  const auto before = std::exchange(last_wal_, now);
  if (!before || before->timeline != now.timeline || now.lsn < before->lsn || now.at <= before->at) return std::nullopt;
  const auto seconds = std::chrono::duration<double>(now.at - before->at).count();
  return static_cast<std::uint64_t>(static_cast<double>(now.lsn - before->lsn) / seconds);
}

void Samples::look(const Snapshot& snapshot) {
  const auto& seen = snapshot.seen;
  const auto at_s = std::chrono::floor<std::chrono::seconds>(seen.wall).time_since_epoch().count();
  const auto slot = at_s / sample_every.count();
  if (slot == last_slot_) return;
  last_slot_ = slot;
  const auto lag = standby_lag(seen);
  const auto wal = wal_per_s(seen);
  samples_.push_back(
      {seen.wall, fmt::format("[{}, {}, {}, {}, {}, {}]", at_s, number_or_null(lag.receive), number_or_null(lag.replay),
                              number_or_null(wal), milliseconds_or_null(longest_request(*telemetry_)),
                              milliseconds_or_null(telemetry_->loop_lag.take_longest()))});
  while (samples_.size() > samples_max || seen.wall - samples_.front().at > samples_kept_for) samples_.pop_front();
}

void Samples::append(std::string& to) const {
  to += fmt::format(R"("every_s": {}, "columns": ["at", "receive_lag", "replay_lag", "wal_per_s", "dcs_ms", )"
                    R"("loop_lag_ms"], "samples": [)",
                    sample_every.count());
  for (const auto& sample : samples_) {
    if (!to.ends_with('[')) to += ", ";
    to += sample.json;
  }
  to += ']';
}

}  // namespace tamada::api
