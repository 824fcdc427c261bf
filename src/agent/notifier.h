// Sends each notice (api/notices.h) to the operator's webhook and to the operator's command, beside the cycle, so that
// no decision waits for them. Each of the two has its own queue, time limit and retries, so that neither delays the
// other.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/notices.h"
#include "api/telemetry.h"
#include "config/sections/notify.h"
#include "net/clock.h"
#include "net/event.h"
#include "net/stream.h"

namespace tamada::agent {

class Notifier {
 public:
  // The length of each queue. If a queue is full, a new notice replaces the oldest one.
  static constexpr std::size_t waiting_max = 100;
  // Each receiver gets at most `burst` notices `within` this time.
  static constexpr std::size_t burst = 20;
  static constexpr auto within = std::chrono::minutes(2);
  static constexpr auto give_up_after = std::chrono::hours(1);

  // `journal` must be registered with `board` before, so that it records each publication first. The references must
  // outlive this object, and the event loop must have ended before this object is destroyed.
  Notifier(asio::any_io_executor executor, net::Clock& clock, api::Board& board, const api::Journal& journal,
           std::shared_ptr<api::Telemetry> telemetry, std::string run, config::Notify options);
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  // To be called after a reload. If a receiver was removed from the configuration, its waiting notices are dropped.
  void configure(config::Notify options);

 private:
  // Returns why the delivery failed; empty when it succeeded.
  using Send = awaitable<std::string> (Notifier::*)(std::string json);
  // One receiver of notices: the webhook or the command.
  struct Outlet {
    std::string name;
    Send send;
    net::Event wake;
    std::deque<api::Notice> waiting = {};
    std::deque<core::Instant> sent = {};  // the times at which the last `burst` notices were sent
    bool delivering = false;              // a notice was taken out of `waiting` and is not delivered yet
    bool failing = false;
  };

  bool is_told(const Outlet& outlet) const;
  void look(const api::Snapshot& snapshot);
  awaitable<void> deliver(Outlet& outlet);
  awaitable<void> deliver_one(Outlet& outlet, api::Notice notice);
  awaitable<void> keep_pace(Outlet& outlet);
  awaitable<std::string> send_webhook(std::string json);
  awaitable<std::string> send_command(std::string json);
  void count_waiting(const Outlet& outlet);
  api::Telemetry::Deliveries& counts(const Outlet& outlet) { return telemetry_->notifications[outlet.name]; }

  net::Clock& clock_;
  const api::Journal& journal_;
  std::shared_ptr<api::Telemetry> telemetry_;
  api::Notices notices_;
  config::Notify options_;
  std::optional<net::TlsClient> tls_;
  std::array<Outlet, 2> outlets_;
};

}  // namespace tamada::agent
