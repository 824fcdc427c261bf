// The latest observation and decision as an immutable snapshot. The agent publishes it; the REST API, the metrics and
// the log read it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/decision.h"
#include "core/observation.h"
#include "net/asio.h"

namespace tamada::api {

struct Snapshot {
  std::uint64_t version = 0;  // grows with each publication
  core::Observation seen;
  core::Decision decision;
  std::int64_t dcs_last_seen = 0;  // Unix seconds of the last answer of the DCS
  core::Instant dcs_last_ok{};     // the same by the clock that nobody sets
  core::Instant cycle_at{};        // when the agent last finished a cycle; /liveness depends on it
  std::string scope;
  std::string state;  // Patroni's word for PostgreSQL's state: "running", "stopped" ...
  std::string role;   // primary, replica, standby_leader, demoted, uninitialized
};

class Board {
 public:
  std::shared_ptr<const Snapshot> latest() const { return latest_; }  // never null after the first publication
  void publish(std::shared_ptr<const Snapshot> next) {
    latest_ = std::move(next);
    for (auto& listener : listeners_) listener(latest_);
  }
  // The listener is called at each publication, on the loop. It prepares answers, or wakes what waits.
  void on_publish(std::function<void(const std::shared_ptr<const Snapshot>&)> listener) {
    listeners_.push_back(std::move(listener));
  }

 private:
  std::shared_ptr<const Snapshot> latest_ = std::make_shared<Snapshot>();
  std::vector<std::function<void(const std::shared_ptr<const Snapshot>&)>> listeners_;
};

}  // namespace tamada::api
