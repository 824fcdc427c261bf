// Brings each notice (api/notices.h) to the operator's webhook and command, beside the cycle: nothing of the cluster
// waits for it. Each of the two has its own queue, time limit and retries, so that neither delays the other.
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
  static constexpr std::size_t waiting_max = 100;  // of each; the oldest goes for a newer one
  static constexpr std::size_t burst = 20;         // so many at most
  static constexpr auto within = std::chrono::minutes(2);
  static constexpr auto give_up_after = std::chrono::hours(1);

  // Looks at each publication after `journal` has. All but the options must outlive this, and the loop must end before.
  Notifier(asio::any_io_executor executor, net::Clock& clock, api::Board& board, const api::Journal& journal,
           std::shared_ptr<api::Telemetry> telemetry, std::string run, config::Notify options);
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  void configure(config::Notify options);  // after a reload; what waits for somebody who is told no longer is dropped

 private:
  // Why it failed; empty: it was delivered.
  using Send = awaitable<std::string> (Notifier::*)(std::string json);
  struct Outlet {
    std::string name;
    Send send;
    net::Event wake;
    std::deque<api::Notice> waiting = {};
    std::deque<core::Instant> sent = {};  // when the last `burst` were sent
    bool delivering = false;              // one that waits no longer, and is not delivered yet
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
