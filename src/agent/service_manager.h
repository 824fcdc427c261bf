// Tells systemd the state of this daemon: ready, reloading, stopping, alive, and one line about what it is doing.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <string>

#include "api/board.h"
#include "net/clock.h"
#include "net/notify_socket.h"

namespace tamada::agent {

// The line that `systemctl status` shows: role and lease.
std::string status_line(const api::Snapshot& snapshot);

class ServiceManager {
 public:
  // Tells systemd that the daemon is ready with the first publication on the board. Then the API answers, and the
  // daemon has looked at its server. The server itself need not run yet, because copying a large one takes hours.
  ServiceManager(asio::any_io_executor executor, net::Clock& clock, api::Board& board, net::NotifySocket socket);

  void reloading();  // a reload was asked for
  void reloaded();   // the configuration was read again; the reload counts as done with the next publication
  void stopping();

 private:
  void published(const api::Snapshot& snapshot);
  void feed_watchdog();

  net::Clock& clock_;
  api::Board& board_;
  net::NotifySocket socket_;
  asio::steady_timer timer_;
  std::string line_;
  bool ready_due_ = true;
};

}  // namespace tamada::agent
