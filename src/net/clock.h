// The interface of time: production reads the kernel's clocks, the simulator its own.
#pragma once

#include "core/types.h"
#include "net/asio.h"

namespace tamada::net {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual core::Instant now() const = 0;  // CLOCK_BOOTTIME
  virtual core::WallTime wall() const = 0;
  // Can be cancelled by Asio's cancellation; then it throws operation_aborted, as every awaitable here does.
  virtual awaitable<void> sleep_until(core::Instant at) = 0;
};

class SystemClock final : public Clock {
 public:
  core::Instant now() const override;
  core::WallTime wall() const override;
  awaitable<void> sleep_until(core::Instant at) override;
};

}  // namespace tamada::net
