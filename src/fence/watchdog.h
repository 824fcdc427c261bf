// A hardware watchdog (or the kernel's softdog): resets the whole machine when this daemon falls silent.
// Source of modes, texts and timing: Patroni's page "Watchdog support"; of the bytes and ioctls: the kernel's
// watchdog-api document.
#pragma once

#include <memory>
#include <string>

#include "fence/fence.h"

namespace tamada::fence {

struct WatchdogOptions {
  enum class Mode { off, automatic, required } mode = Mode::automatic;
  std::string device = "/dev/watchdog";
  int safety_margin_s = 5;  // between the watchdog's timeout and the end of the lease; -1: half of the ttl
  bool testing = false;     // with `driver: testing` the device is a pipe that gets timeouts as text
  bool operator==(const WatchdogOptions&) const = default;
};

class Watchdog final : public Fence {
 public:
  explicit Watchdog(WatchdogOptions options);
  ~Watchdog() override;

  void configure(WatchdogOptions options);
  // Opens the device at the first bound, pings it at each later one, and closes it when there is no bound.
  void keep(const Order& order) override;
  core::FenceView view() const override;

 private:
  class Device;
  void activate(const Order& order);
  void close();
  void ping(const Order& order);
  int timeout_s(const Order& order) const;
  bool settle_timeout(const Order& order);
  void failed(std::string why);

  WatchdogOptions options_;
  std::unique_ptr<Device> device_;  // null: not open
  int timeout_s_ = 0;               // the timeout that was last requested
  std::optional<core::Instant> pinged_for_;
  std::string trouble_;           // why the last activation failed; empty when it did not
  core::Instant failed_until_{};  // the activation is tried again only for a later bound than this one
};

}  // namespace tamada::fence
