// Tells systemd the state of the daemon: one datagram of lines to a socket that the environment names. sd_notify(3)
// declares this protocol stable and shows an implementation. libsystemd would load five more libraries into each
// daemon.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/types.h"

namespace tamada::net {

class NotifySocket {
 public:
  NotifySocket() = default;  // has no socket, so send() does nothing
  // Takes NOTIFY_SOCKET, and WATCHDOG_USEC if WATCHDOG_PID is this process. They are removed from the environment, so
  // that no child can speak for the daemon. To be called before there are threads.
  static NotifySocket take_from_environment();

  NotifySocket(NotifySocket&& other) noexcept;
  NotifySocket& operator=(NotifySocket&& other) noexcept;
  ~NotifySocket();

  bool listened() const { return fd_ >= 0; }
  // The longest time that systemd allows between two WATCHDOG=1; nullopt when systemd does not watch the daemon.
  std::optional<core::Duration> watchdog() const { return watchdog_; }
  // Never blocks; a datagram that the receiver cannot take is lost.
  void send(std::string_view lines);

 private:
  int fd_ = -1;
  std::string address_;  // as in sun_path: an abstract name begins with NUL
  std::optional<core::Duration> watchdog_;
};

}  // namespace tamada::net
