// systemd's notification protocol: one datagram of lines to a socket that the environment names. See sd_notify(3),
// which declares the protocol stable and shows an implementation. libsystemd would add five libraries to each daemon.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/types.h"

namespace tamada::net {

class NotifySocket {
 public:
  NotifySocket() = default;  // without a socket: send() does nothing
  // NOTIFY_SOCKET, and WATCHDOG_USEC where WATCHDOG_PID is us. They are removed from the environment: no child may
  // speak for the daemon. To be called before there are threads.
  static NotifySocket take_from_environment();

  NotifySocket(NotifySocket&& other) noexcept;
  NotifySocket& operator=(NotifySocket&& other) noexcept;
  ~NotifySocket();

  bool listened() const { return fd_ >= 0; }
  // The longest time that systemd allows between two WATCHDOG=1; none: it does not watch.
  std::optional<core::Duration> watchdog() const { return watchdog_; }
  // Never blocks; a datagram that the receiver cannot take is lost.
  void send(std::string_view lines);

 private:
  int fd_ = -1;
  std::string address_;  // as in sun_path: an abstract one begins with NUL
  std::optional<core::Duration> watchdog_;
};

}  // namespace tamada::net
