// What this node measured in the last hour, for the plots of the dashboard: one sample for each ten seconds of the
// clock in which the agent published something. An hour takes less than 40 kB, and is lost when the daemon ends.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/board.h"
#include "api/telemetry.h"

namespace tamada::api {

class Samples {
 public:
  // The measurements of which each sample takes the longest since the sample before.
  void take_from(std::shared_ptr<Telemetry> telemetry) { telemetry_ = std::move(telemetry); }
  void look(const Snapshot& snapshot);
  // Appends the members `every_s`, `columns` and `samples` of the answer; see docs/rest.md.
  void append(std::string& to) const;

 private:
  struct Sample {
    core::WallTime at{};
    std::string json;  // made once, since each answer contains all samples
  };
  struct WalEnd {
    core::Lsn lsn = 0;
    core::Timeline timeline = 0;
    core::Instant at{};
  };
  std::optional<std::uint64_t> wal_per_s(const core::Observation& seen);

  std::shared_ptr<Telemetry> telemetry_;
  std::deque<Sample> samples_;
  std::int64_t last_slot_ = 0;
  std::optional<WalEnd> last_wal_;  // of the last sample, if this node was the primary then
};

}  // namespace tamada::api
